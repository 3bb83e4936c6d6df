import type { z } from "zod"
import type { batchStrategySchema } from "./batch-strategy-schema.ts"
import type { syncSchema } from "./sync-schema.ts"

const keysOfSync = ["balance_sync", "transaction_sync", "monitoring"] as const
const keysOfReconciliation = [
  "transaction_check_interval",
  "nft_check_interval",
  "mismatch_threshold",
] as const
const keysOfTrigger = ["efficiency_threshold", "gas_efficiency_target"] as const

/** Keys that files may have, because others of their kind do, and that nothing here reads: whoever sets one is told that it changes nothing. */
export function findUnread(
  sync: z.infer<typeof syncSchema>,
  batchStrategy: z.infer<typeof batchStrategySchema>,
): readonly string[] {
  const given = <Key extends string>(values: Partial<Record<Key, unknown>>, keys: readonly Key[]) =>
    keys.filter((key) => values[key] !== undefined)
  return [
    ...given(sync, keysOfSync).map((key) => `sync_config.yaml: ${key}`),
    ...given(sync.reconciliation, keysOfReconciliation).map(
      (key) => `sync_config.yaml: reconciliation.${key}`,
    ),
    ...Object.entries(batchStrategy.batch_triggers).flatMap(([symbol, trigger]) =>
      given(trigger, keysOfTrigger).map((key) => `batch_strategy.yaml: batch_triggers.${symbol}.${key}`),
    ),
  ]
}
