import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { DriftRow, RunRow } from "../queries/reconciliation.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { amountAnswer, hashAnswer, timeAnswer } from "../validation/schemas.ts"
import { tokenOf } from "./change.ts"

const driftSchema = z.object({
  drift_id: z.string(),
  user_id: z.string().nullable().openapi({ description: "null: the token's total supply" }),
  ledger_amount: amountAnswer,
  indexer_amount: amountAnswer,
  chain_amount: amountAnswer,
  difference: amountAnswer.openapi({ description: "Signed: chain without ledger" }),
  cause: z.string(),
})

export const runSchema = z.object({
  run_id: z.string(),
  token_symbol: z.string(),
  chain_id: z.int(),
  trigger: z.enum(["schedule", "demand"]),
  user_id: z.string().nullable().openapi({ description: "null: every account of the token" }),
  state: z.enum(["requested", "finished", "failed"]),
  requested_at: timeAnswer,
  finished_at: timeAnswer.nullable(),
  watermark: z
    .object({ block_number: z.int(), block_hash: hashAnswer, position: z.string().nullable() })
    .nullable()
    .openapi({ description: "The block that the three sides were compared at" }),
  accounts_compared: z.int().nullable(),
  supply: z
    .object({
      ledger: amountAnswer.openapi({ description: "Confirmed in this ledger, and held elsewhere" }),
      indexer: amountAnswer.openapi({ description: "Minted without burned, by the indexed transfers" }),
      chain: amountAnswer.openapi({ description: "The contract's totalSupply" }),
      held_elsewhere: amountAnswer.openapi({
        description: "What the indexed transfers left at addresses that are no account of this ledger",
      }),
    })
    .nullable()
    .openapi({
      description:
        "The token's total supply, seen from three sides; null for a run of one user, and of a token that is paid out of a treasury",
    }),
  drift_count: z.int().nullable(),
  drifts_by_cause: z.record(z.string(), z.int()),
  drifts: z.array(driftSchema).openapi({ description: "The first hundred" }),
  error: z.string().nullable(),
})

export function presentRun(
  registry: RegistrySnapshot,
  run: RunRow,
  counts: Readonly<Record<string, number>>,
  drifts: readonly DriftRow[],
): z.infer<typeof runSchema> {
  const token = tokenOf(registry, run.token_id)
  const amount = (baseUnits: bigint, signed = false): string =>
    formatAmount(baseUnits, token.decimals, signed)
  const {
    supply_ledger: ledger,
    supply_indexer: indexer,
    supply_chain: chain,
    supply_elsewhere: elsewhere,
  } = run
  return {
    run_id: run.run_id,
    token_symbol: token.symbol,
    chain_id: Number(token.chain.chainId),
    trigger: run.trigger,
    user_id: run.user_id,
    state: run.state,
    requested_at: run.requested_at.toISOString(),
    finished_at: run.finished_at?.toISOString() ?? null,
    watermark:
      run.block_number === null || run.block_hash === null
        ? null
        : {
            block_number: Number(run.block_number),
            block_hash: run.block_hash,
            position: run.position?.toString() ?? null,
          },
    accounts_compared: run.accounts_compared,
    supply:
      ledger === null || indexer === null || chain === null || elsewhere === null
        ? null
        : {
            ledger: amount(ledger),
            indexer: amount(indexer),
            chain: amount(chain),
            held_elsewhere: amount(elsewhere),
          },
    drift_count:
      run.state === "finished" ? Object.values(counts).reduce((sum, count) => sum + count, 0) : null,
    drifts_by_cause: { ...counts },
    drifts: drifts.map((drift) => ({
      drift_id: drift.drift_id,
      user_id: drift.user_id,
      ledger_amount: amount(drift.ledger_amount),
      indexer_amount: amount(drift.indexer_amount),
      chain_amount: amount(drift.chain_amount),
      difference: amount(drift.chain_amount - drift.ledger_amount, true),
      cause: drift.cause,
    })),
    error: run.error,
  }
}
