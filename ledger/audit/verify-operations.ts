import { sql, type Transaction } from "kysely"
import { requestedTypes } from "../domain/events.ts"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"
import { equalSums } from "./scan/keyed-sum.ts"
import type { ScanPool } from "./scan/scan-pool.ts"
import type { SegmentOperations } from "./scan/segment.ts"
import { closeRun } from "./scan/track-operations.ts"
import { sumTable } from "./sum-table.ts"

/**
 * Every key is bound once, to one unbroken run of events that a request asks for, and to the request hash that the first of them states. A row that is gone would let the
 * same key be recorded a second time; a row with another hash would refuse the retry, or answer somebody else's. The set of rows is compared by a keyed sum, in one pass over the table;
 * only where that differs does the database look for the row.
 * @param logged of the whole log
 */
export async function verifyOperations(
  trx: Transaction<Database>,
  ledgerId: string,
  source: {
    readonly logged: SegmentOperations
    readonly pool: ScanPool
    readonly secret: Uint8Array
  },
): Promise<Problem | null> {
  const { logged, pool, secret } = source
  closeRun(logged, secret)
  const stored = await sumTable(trx, pool, "ledger.operations")
  if (logged.irregularAt === undefined && equalSums(logged.sum, stored)) return null
  return (
    (await findOperation(trx, ledgerId)) ?? {
      position: logged.irregularAt === undefined ? null : BigInt(logged.irregularAt),
      problem: "ledger.operations is not what the log gives",
    }
  )
}

function findOperation(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  return findDifference(trx, {
    table: "ledger.operations",
    keys: ["operation_id", "sequence"],
    position: "first_position",
    logged: sql`
      SELECT operation_id, sequence, min(position) AS first_position, max(position) AS last_position, count(*) AS events,
        bool_and(type = ANY(${[...requestedTypes]})) AS are_requested, min(recorded_at) AS recorded_at,
        max(data->>'request_hash') AS request_hash,
        min(position) FILTER (WHERE data->>'request_hash' IS NOT NULL) AS request_hash_position,
        count(data->>'request_hash') AS request_hashes
      FROM ledger.event_log
      WHERE ledger_id = ${ledgerId} AND (operation_id IS NOT NULL
        -- An erasure of a user goes on under no key once its first step is recorded.
        OR type = ANY(${requestedTypes.filter((type) => type !== "DetailsRedacted")}))
      GROUP BY operation_id, sequence`,
    stored: sql`
      SELECT operation_id, sequence, first_position, last_position, last_position - first_position + 1 AS events,
        true AS are_requested, recorded_at,
        encode(request_hash, 'hex') AS request_hash, first_position AS request_hash_position, 1::bigint AS request_hashes
      FROM ledger.operations WHERE ledger_id = ${ledgerId}`,
  })
}
