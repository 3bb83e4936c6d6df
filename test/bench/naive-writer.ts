import type pg from "pg"
import {
  type AccountBalance,
  type AdjustBalanceCommand,
  type AdjustmentRefusal,
  accountKey,
  decideAdjustBalance,
} from "../../ledger/domain/adjust-balance.ts"
import type { RecordedAdjustment } from "../../ledger/store/read-operation.ts"
import type { CommandResult, LedgerWriter } from "../../ledger/writer/ledger-writer.ts"

class Refused extends Error {
  readonly refusal: AdjustmentRefusal
  constructor(refusal: AdjustmentRefusal) {
    super(refusal.refused)
    this.refusal = refusal
  }
}

const run = <Row extends pg.QueryResultRow>(
  client: pg.PoolClient,
  name: string,
  text: string,
  values: unknown[],
): Promise<pg.QueryResult<Row>> => client.query<Row>({ name, text, values })

/**
 * The baseline: what a good engineer writes on a first day. A pool, one transaction a request, prepared statements; the key is claimed by an insert, the balance
 * is read under its row's lock, checked, stored, and an event is inserted. No head, no chain of hashes, no gap-free positions.
 */
export function createNaiveWriter(pool: pg.Pool): LedgerWriter {
  return {
    async execute(command) {
      if (command.kind !== "AdjustBalance") throw new TypeError(`the baseline has no ${command.kind}`)
      const client = await pool.connect()
      try {
        await client.query("BEGIN")
        const result = await record(client, command)
        await client.query(result.outcome === "recorded" ? "COMMIT" : "ROLLBACK")
        client.release()
        return result
      } catch (error) {
        await client.query("ROLLBACK").catch(() => undefined)
        client.release(!(error instanceof Refused))
        if (error instanceof Refused) return { outcome: "refused", refusal: error.refusal }
        throw error
      }
    },
    queuedRequests: () => pool.waitingCount,
    stop: () => Promise.resolve(),
  }
}

async function record(client: pg.PoolClient, command: AdjustBalanceCommand): Promise<CommandResult> {
  const recordedAt = new Date()
  const claimed = await run(
    client,
    "claim",
    "INSERT INTO naive.operations VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    [
      command.operationId,
      command.sequence,
      command.requestHash,
      JSON.stringify(command.answerContext),
      recordedAt,
    ],
  )
  // Nobody sends an operation twice here, so that what a retry would be told is left out.
  if (claimed.rowCount === 0) return { outcome: "conflict" }
  const recorded: RecordedAdjustment[] = []
  // Accounts are locked in one order, or two requests would wait for each other.
  const inOrder = [...command.adjustments.entries()].sort(([, a], [, b]) => compare(keyOf(a), keyOf(b)))
  for (const [index, adjustment] of inOrder) {
    const { accountId, amount } = await lockAccount(client, adjustment)
    const before: AccountBalance = { pending: amount, confirmed: 0n, locked: 0n }
    const decided = decideAdjustBalance({ adjustments: [adjustment] }, () => before)
    if ("refused" in decided) throw new Refused({ ...decided, index })
    const balanceAfter = amount + adjustment.amountBaseUnits
    await run(client, "store", "UPDATE naive.balances SET amount = $2 WHERE account_id = $1", [
      accountId.toString(),
      balanceAfter.toString(),
    ])
    const { rows } = await run<{ event_id: bigint }>(
      client,
      "event",
      `INSERT INTO naive.events
         (operation_id, sequence, account_id, amount, balance_after, reason_type, reason_detail, metadata, recorded_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING event_id`,
      [
        command.operationId,
        command.sequence,
        accountId.toString(),
        adjustment.amountBaseUnits.toString(),
        balanceAfter.toString(),
        adjustment.reasonType,
        adjustment.reasonDetail,
        JSON.stringify(adjustment.metadata),
        recordedAt,
      ],
    )
    recorded[index] = { ...adjustment, position: rows[0]?.event_id ?? 0n, balanceAfter, confirmedAfter: 0n }
  }
  const { operationId, sequence, answerContext } = command
  const position = recorded.at(-1)?.position ?? 0n
  return {
    outcome: "recorded",
    isReplay: false,
    operation: {
      operationId,
      sequence,
      position,
      recordedAt,
      answerContext,
      adjustments: recorded,
      hold: null,
      redactedEvents: 0,
    },
  }
}

type AccountKey = { readonly userId: string; readonly tokenId: number }

async function lockAccount(
  client: pg.PoolClient,
  { userId, tokenId }: AccountKey,
): Promise<{ accountId: bigint; amount: bigint }> {
  for (;;) {
    const { rows } = await run<{ account_id: bigint; amount: bigint }>(
      client,
      "lock",
      "SELECT account_id, amount FROM naive.balances WHERE user_id = $1 AND token_id = $2 FOR UPDATE",
      [userId, tokenId],
    )
    const [row] = rows
    if (row !== undefined) return { accountId: row.account_id, amount: row.amount }
    await run(
      client,
      "open",
      "INSERT INTO naive.balances (user_id, token_id, amount) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
      [userId, tokenId],
    )
  }
}

const keyOf = ({ userId, tokenId }: AccountKey): string => accountKey(userId, tokenId)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
