import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type { BalanceAt } from "../../ledger/store/read-balances-at.ts"
import type { ChainProgress } from "../chain/chain-progress.ts"
import type { UserAccount } from "../queries/user-accounts.ts"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import type { LaneFigures } from "../settlement/lane-figures.ts"
import { amountAnswer, timeAnswer } from "../validation/schemas.ts"

export const balanceSchema = z.object({
  token_symbol: z.string(),
  chain_id: z.int(),
  confirmed_balance: amountAnswer.openapi({ description: "On chain, final" }),
  pending_balance: amountAnswer.openapi({
    description: "Confirmed and every change that is not on chain yet",
  }),
  pending_changes: amountAnswer.openapi({ description: "Signed" }),
  locked_balance: amountAnswer.openapi({ description: "Holds and outgoing transfers" }),
  available_balance: amountAnswer.openapi({ description: "Pending without locked: what can be spent now" }),
  sync_status: z.enum(["synced", "pending", "syncing", "error"]).nullable().openapi({
    description:
      "Where its settlement stands now; null of a past balance, and where too much would have to be read to know",
  }),
  sync_error: z.string().nullable(),
  last_sync_time: timeAnswer.nullable().openapi({ description: "When the confirmed figure last moved" }),
  next_sync_estimate: timeAnswer
    .nullable()
    .openapi({ description: "When what waits is sealed at the latest" }),
  source: z.enum(["cache", "database", "blockchain"]),
  is_realtime: z.boolean(),
  sync_lag: z.number().nullable().openapi({ description: "Age of the confirmed figure in seconds" }),
  head_lag: z
    .int()
    .nullable()
    .openapi({ description: "Blocks between the chain's head and the last one that is in the ledger" }),
  chain_balance: amountAnswer
    .optional()
    .openapi({ description: "balanceOf at the chain's head; only realtime" }),
  chain_block_number: z
    .int()
    .optional()
    .openapi({ description: "The block of chain_balance; only realtime" }),
  chain_confirmation: z.int().nullable().optional().openapi({
    description: "Blocks by which the confirmed figure is older than chain_balance; only realtime",
  }),
})

export type Balance = z.infer<typeof balanceSchema>

export type ChainBalance = { readonly amountBaseUnits: bigint; readonly blockNumber: bigint }

/** One token of a user. @param account undefined where the user has never had any of it: then every figure is zero */
export function presentBalance(of: {
  readonly token: RegisteredToken
  readonly account: UserAccount | undefined
  /** null where it is not known now. */
  readonly lane: LaneFigures | null
  /** undefined where it is not known now. */
  readonly progress: ChainProgress | undefined
  readonly chainBalance: ChainBalance | undefined
  readonly source: "cache" | "database"
  readonly now: Date
}): Balance {
  const { token, account, progress, chainBalance } = of
  const status = account === undefined ? "synced" : syncStatus(account)
  const confirmedBlock = progress?.confirmedBlock ?? null
  return {
    ...presentFigures(token, account),
    sync_status: status,
    sync_error: account?.sync_error ?? null,
    last_sync_time: account?.confirmed_at?.toISOString() ?? null,
    next_sync_estimate: status === "pending" ? nextSync(token, account, of.lane) : null,
    source: chainBalance === undefined ? of.source : "blockchain",
    is_realtime: chainBalance !== undefined,
    sync_lag: secondsSince(progress?.confirmedBlockTime ?? null, of.now),
    head_lag: blocksBehind(progress?.headBlock ?? null, confirmedBlock),
    ...(chainBalance === undefined
      ? {}
      : {
          chain_balance: formatAmount(chainBalance.amountBaseUnits, token.decimals),
          chain_block_number: Number(chainBalance.blockNumber),
          chain_confirmation: blocksBehind(chainBalance.blockNumber, confirmedBlock),
        }),
  }
}

/** One token of a user as it was. What settlement and the chain knew then is not kept, so it is null. */
export function presentBalanceAt(token: RegisteredToken, balance: BalanceAt | undefined): Balance {
  return {
    ...presentFigures(token, balance),
    sync_status: null,
    sync_error: null,
    last_sync_time: null,
    next_sync_estimate: null,
    source: "database",
    is_realtime: false,
    sync_lag: null,
    head_lag: null,
  }
}

type Figures = { readonly pending: bigint; readonly confirmed: bigint; readonly locked: bigint }
const noFigures: Figures = { pending: 0n, confirmed: 0n, locked: 0n }

function presentFigures(token: RegisteredToken, figures: Figures | undefined) {
  const { pending, confirmed, locked } = figures ?? noFigures
  const amount = (baseUnits: bigint, signed = false): string =>
    formatAmount(baseUnits, token.decimals, signed)
  return {
    token_symbol: token.symbol,
    chain_id: Number(token.chain.chainId),
    confirmed_balance: amount(confirmed),
    pending_balance: amount(pending),
    pending_changes: amount(pending - confirmed, true),
    locked_balance: amount(locked),
    available_balance: amount(pending > locked ? pending - locked : 0n),
  }
}

/** Nobody knows when a lane seals again that is paused. A change that settlement has not seen yet waits as long as the strategy lets it, unless another one takes it along. */
function nextSync(
  token: RegisteredToken,
  account: UserAccount | undefined,
  lane: LaneFigures | null,
): string | null {
  if (lane === null || lane.isPaused || account === undefined) return null
  const { maxWaitMs } = token.strategy
  const own = maxWaitMs === null ? [] : [account.changed_at.getTime() + maxWaitMs]
  const others = lane.earliestDeadline === null ? [] : [lane.earliestDeadline.getTime()]
  const deadlines = [...own, ...others]
  return deadlines.length === 0 ? null : new Date(Math.min(...deadlines)).toISOString()
}

function syncStatus(account: UserAccount): Balance["sync_status"] {
  if (account.sync_error !== null) return "error"
  if (account.open_batches > 0n) return "syncing"
  if (account.is_waiting === null) return null
  return account.is_waiting ? "pending" : "synced"
}

export function secondsSince(time: Date | null, now: Date): number | null {
  return time === null ? null : Math.max(0, Math.round((now.getTime() - time.getTime()) / 1_000))
}

/** @returns 0 where the two were read in the wrong order */
export function blocksBehind(head: bigint | null, block: bigint | null): number | null {
  if (head === null || block === null) return null
  return head > block ? Number(head - block) : 0
}
