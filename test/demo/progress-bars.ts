import { MultiBar, Presets } from "cli-progress"

export type ProgressBars = {
  set(name: string, value: number): void
  stop(): void
}

const lineIntervalMs = 5_000

/** A bar for each name on a terminal; a plain line every few seconds elsewhere. */
export function showProgress(names: readonly string[], total: number): ProgressBars {
  return process.stdout.isTTY ? showBars(names, total) : showLines(names, total)
}

function showBars(names: readonly string[], total: number): ProgressBars {
  const format = "  {name} {bar} {percentage} % | {value} of {total} | {duration_formatted}"
  const multi = new MultiBar({ format, hideCursor: true, clearOnComplete: false }, Presets.shades_classic)
  const bars = new Map(names.map((name) => [name, multi.create(total, 0, { name: name.padEnd(10) })]))
  return { set: (name, value) => bars.get(name)?.update(value), stop: () => multi.stop() }
}

function showLines(names: readonly string[], total: number): ProgressBars {
  const values = new Map(names.map((name) => [name, 0]))
  const began = Date.now()
  let printed = ""
  const print = () => {
    const line = names.map((name) => `${name} ${values.get(name) ?? 0}`).join(", ")
    if (line === printed) return
    printed = line
    console.log(`  ${Math.round((Date.now() - began) / 1_000)} s: ${line}, of ${total}`)
  }
  const timer = setInterval(print, lineIntervalMs)
  return {
    set: (name, value) => values.set(name, value),
    stop() {
      clearInterval(timer)
      print()
    },
  }
}
