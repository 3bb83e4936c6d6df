import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"

/** A pid alone may be another process tomorrow: the moment of its start tells them apart. */
export type ProcessIdentity = { readonly pid: number; readonly started: string }

export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const started = readStart(pid)
  return started === undefined ? undefined : { pid, started }
}

export function isRunning(identity: ProcessIdentity): boolean {
  return readStart(identity.pid) === identity.started
}

function readStart(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      // The name in parentheses may contain blanks; state is the first field after it, the start time the 20th.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")
      return fields[0] === "Z" ? undefined : fields[19]
    } catch {
      return undefined
    }
  }
  try {
    const started = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: "pipe",
    })
    return started.trim() === "" ? undefined : started.trim()
  } catch {
    return undefined
  }
}
