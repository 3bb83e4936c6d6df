import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

type Head = {
  readonly position: bigint
  readonly hash: Buffer
  /** Of the last event. */
  readonly recordedAt: Date
}

export function readHead(db: Kysely<Database>, ledgerId: string): Promise<Head> {
  return db
    .selectFrom("ledger.head")
    .select(["position", "hash", "recorded_at as recordedAt"])
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirstOrThrow()
}

export async function readEventHash(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
): Promise<Buffer | undefined> {
  const { rows } = await sql<{ hash: Buffer }>`
    SELECT hash FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position = ${position}`.execute(db)
  return rows[0]?.hash
}
