import { runRole } from "../../platform/lifecycle.ts"
import { openRole } from "./open-role.ts"

/** Settlement lanes. */
export async function runBatcherRole(): Promise<void> {
  const role = openRole("batcher", 10)
  await runRole(() => {
    role.beat()
    return Promise.resolve({ stop: () => role.close() })
  }, role.logger)
}
