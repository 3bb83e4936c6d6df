import { runRole } from "../../platform/lifecycle.ts"
import { openRole } from "./open-role.ts"

/** Confirmations and reconciliation. */
export async function runWorkerRole(): Promise<void> {
  const role = openRole("worker", 10)
  await runRole(() => {
    role.beat()
    return Promise.resolve({ stop: () => role.close() })
  }, role.logger)
}
