import { readFileSync, rmSync } from "node:fs"
import { runBatcherRole } from "../../cli/roles/batcher.ts"

/** The batcher's role, ended with SIGKILL at the step that the file TEST_DIE_AT names, once: the file is gone by then. */
await runBatcherRole({
  onStep(step) {
    const file = process.env["TEST_DIE_AT"] ?? ""
    if (readIfThere(file) !== step) return
    rmSync(file)
    process.kill(process.pid, "SIGKILL")
  },
})

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}
