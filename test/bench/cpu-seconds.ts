import { readdirSync, readFileSync } from "node:fs"

// Linux counts in hundredths everywhere.
const ticksPerSecond = 100

type Process = { readonly parent: number; readonly ticks: number }

/** Processor time that a process and everything it started has used so far, the ended ones included. 0 where the system does not tell. */
export function cpuSecondsOf(pid: number): number {
  const all = readProcesses()
  const total = (id: number): number => {
    let ticks = all.get(id)?.ticks ?? 0
    for (const [child, { parent }] of all) if (parent === id) ticks += total(child)
    return ticks
  }
  return total(pid) / ticksPerSecond
}

function readProcesses(): Map<number, Process> {
  const found = new Map<number, Process>()
  let names: string[]
  try {
    names = readdirSync("/proc").filter((name) => /^\d+$/.test(name))
  } catch {
    // Not Linux: the figure is left out.
    return found
  }
  for (const name of names) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8")
      // The name in brackets may hold anything. After it: state, parent; 11 fields on, the times of its own and of its ended children.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
      found.set(Number(name), { parent: Number(fields[1]), ticks })
    } catch {
      // It ended meanwhile; its parent has its time.
    }
  }
  return found
}
