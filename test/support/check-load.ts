import type { Kysely } from "kysely"
import { sql } from "kysely"
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import type { Database } from "../../ledger/store/database.ts"
import { bodyOf } from "./load-operation.ts"
import { hashData, type LoadOutcome } from "./write-load.ts"

export type LoadChecked = {
  /** One sentence for each thing that is not as it has to be; twenty at most. */
  readonly faults: readonly string[]
  readonly recorded: number
  readonly refused: number
  /** Outcomes that an unanswered attempt had left open, and that turned out to be recorded by it. */
  readonly foundRecorded: number
  /** The same, recorded only by a later attempt. */
  readonly recordedLater: number
  readonly events: bigint
}

type Stored = {
  readonly operation_id: string
  readonly first_position: bigint
  readonly last_position: bigint
  readonly changes: readonly (readonly [string, string])[]
}

/** Compares what callers were told with what is in the ledger: nothing lost, nothing twice, nothing in halves, nothing that nobody sent. */
export async function checkLoad(options: {
  readonly db: Kysely<Database>
  readonly ledgerId: string
  readonly outcomes: ReadonlyMap<string, LoadOutcome>
  /** Where recorded operations are asked for again. */
  readonly url: string
  readonly apiKey: string
}): Promise<LoadChecked> {
  const { db, ledgerId, outcomes } = options
  const faults: string[] = []
  const stored = new Map((await readStored(db, ledgerId)).map((row) => [row.operation_id, row]))
  const balances = new Map<string, number>()
  for (const { operation, dataHash } of outcomes.values()) {
    const row = stored.get(operation.operationId)
    stored.delete(operation.operationId)
    if (dataHash === null) {
      if (row !== undefined) faults.push(`${operation.operationId} was refused and is recorded`)
      continue
    }
    for (const [user, amount] of operation.changes) balances.set(user, (balances.get(user) ?? 0) + amount)
    if (row === undefined) {
      faults.push(`${operation.operationId} was acknowledged and is lost`)
      continue
    }
    const told = operation.changes.map(([user, amount]) => [user, String(amount)])
    if (JSON.stringify(row.changes) !== JSON.stringify(told))
      faults.push(
        `${operation.operationId} has ${row.changes.length} adjustments in the log, not the ${told.length} that were sent`,
      )
    if (row.last_position - row.first_position !== BigInt(told.length - 1))
      faults.push(`${operation.operationId} is said to lie at ${row.first_position} to ${row.last_position}`)
  }
  for (const id of stored.keys()) faults.push(`${id} is recorded, and no answer says so`)
  for (const [user, pending] of await readBalances(db, ledgerId)) {
    const told = balances.get(user) ?? 0
    if (pending !== BigInt(told)) faults.push(`${user} has ${pending}; what was acknowledged makes ${told}`)
  }
  const verified = await verifyLedger(db, ledgerId)
  if (!verified.ok) faults.push(`verify: ${JSON.stringify(verified, (_, value: unknown) => String(value))}`)
  const recorded = [...outcomes.values()].filter(({ dataHash }) => dataHash !== null)
  const open = recorded.filter(({ openAttempts }) => openAttempts > 0)
  faults.push(...(await askAgain(options, sample(recorded, open))))
  return {
    faults: faults.slice(0, 20),
    recorded: recorded.length,
    refused: outcomes.size - recorded.length,
    foundRecorded: open.filter(({ isReplay }) => isReplay).length,
    recordedLater: open.filter(({ isReplay }) => !isReplay).length,
    events: verified.ok ? verified.events : 0n,
  }
}

const askedAgain = 200

function sample(recorded: readonly LoadOutcome[], open: readonly LoadOutcome[]): readonly LoadOutcome[] {
  const every = Math.max(1, Math.ceil(recorded.length / askedAgain))
  return [...open.slice(-askedAgain), ...recorded.filter((_, index) => index % every === 0)]
}

/** The same key has to give the same `data`, whoever asks and whenever. */
async function askAgain(
  { url, apiKey }: { readonly url: string; readonly apiKey: string },
  outcomes: readonly LoadOutcome[],
): Promise<string[]> {
  const faults: string[] = []
  for (const { operation, dataHash } of outcomes) {
    const response = await fetch(`${url}/api/v1/balance/adjust`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: bodyOf(operation),
    })
    const { data } = (await response.json()) as { data?: unknown }
    if (response.headers.get("idempotent-replayed") !== "true" || hashData(data) !== dataHash)
      faults.push(`${operation.operationId}, asked again, is not answered as it was`)
  }
  return faults
}

async function readStored(db: Kysely<Database>, ledgerId: string): Promise<readonly Stored[]> {
  const { rows } = await sql<Stored>`
    SELECT o.operation_id, o.first_position, o.last_position, coalesce(e.changes, '[]') AS changes
    FROM ledger.operations o
    FULL JOIN (
      SELECT e.operation_id, jsonb_agg(jsonb_build_array(a.user_id, e.amount::text) ORDER BY e.position) AS changes
      FROM ledger.event_log e JOIN ledger.accounts a USING (ledger_id, account_id)
      WHERE e.ledger_id = ${ledgerId} AND e.type = 'AdjustmentRecorded' GROUP BY e.operation_id
    ) e USING (operation_id)
    WHERE o.ledger_id = ${ledgerId} OR o.ledger_id IS NULL`.execute(db)
  return rows
}

async function readBalances(db: Kysely<Database>, ledgerId: string): Promise<Map<string, bigint>> {
  const rows = await db
    .selectFrom("ledger.balances as b")
    .innerJoin("ledger.accounts as a", (join) =>
      join.onRef("a.ledger_id", "=", "b.ledger_id").onRef("a.account_id", "=", "b.account_id"),
    )
    .select(["a.user_id", "b.pending"])
    .where("b.ledger_id", "=", ledgerId)
    .execute()
  return new Map(rows.map(({ user_id, pending }) => [user_id, pending]))
}
