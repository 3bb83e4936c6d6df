import { readFileSync, rmSync } from "node:fs"
import { runBatcherRole } from "../../cli/roles/batcher.ts"

/**
 * The batcher's role, ended with SIGKILL at the step that the file TEST_DIE_AT names, once: the file is gone by then. A signal may stand behind the step.
 * TEST_BATCHER_LIMITS: limits of the batcher as JSON, where the shipped ones are too patient.
 */
await runBatcherRole({
  limits: JSON.parse(process.env["TEST_BATCHER_LIMITS"] ?? "{}"),
  onStep(step) {
    const file = process.env["TEST_DIE_AT"] ?? ""
    const [wanted, signal = "SIGKILL"] = readIfThere(file)?.split(" ") ?? []
    if (wanted !== step) return
    rmSync(file)
    process.kill(process.pid, signal as NodeJS.Signals)
  },
})

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}
