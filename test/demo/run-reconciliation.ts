import { setTimeout as sleep } from "node:timers/promises"
import type { ReconciliationRun } from "./api-answers.ts"
import type { ApiClient } from "./api-client.ts"

/**
 * Asks for a reconciliation of a token and waits for its end.
 * @throws Error when it has not ended in time
 */
export async function runReconciliation(
  api: ApiClient,
  tokenSymbol: string,
  patienceMs: number,
): Promise<ReconciliationRun> {
  const { run_ids: ids } = await api.read<{ run_ids: string[] }>("/reconciliation/run", {
    token_symbol: tokenSymbol,
  })
  for (const deadline = Date.now() + patienceMs; ; ) {
    const { runs } = await api.read<{ runs: ReconciliationRun[] }>(`/reconciliation?run_id=${ids[0] ?? ""}`)
    const [run] = runs
    if (run !== undefined && run.state !== "requested") return run
    if (Date.now() > deadline)
      throw new Error(`the reconciliation has no result after ${patienceMs / 1_000} s`)
    await sleep(500)
  }
}
