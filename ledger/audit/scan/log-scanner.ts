import pg from "pg"
import { copyOut } from "../../../platform/copy-out.ts"
import { addDigest, emptySum, type KeyedSum } from "./keyed-sum.ts"
import { type RowTable, selectTableRows } from "./row-tables.ts"
import { scanSegment } from "./scan-segment.ts"
import type { Segment } from "./segment.ts"

/** What every reader of one run has in common. */
export type ScanSource = {
  readonly databaseUrl: string
  /** Of pg_export_snapshot(), by a transaction that stays open. */
  readonly snapshotId: string
  readonly ledgerId: string
  /** Of the run, for its keyed sums. */
  readonly secret: Uint8Array
}

export type ScanTask =
  | {
      readonly kind: "events"
      readonly from: number
      readonly to: number
      /** Of events that are handed on whole, after which the segment is cut. */
      readonly bytesMax: number
    }
  | { readonly kind: "rows"; readonly table: RowTable; readonly fromPage: number; readonly toPage: number }

export type ScanResult =
  | { readonly kind: "events"; readonly segment: Segment }
  | { readonly kind: "rows"; readonly sum: KeyedSum }

export type LogScanner = {
  /** One task at a time. */
  run(task: ScanTask): Promise<ScanResult>
  close(): Promise<void>
}

// The tables may never have been analysed: whatever the statistics say, a part of the log is read along its key, and beside it the same part of what settlement says, along its own.
const settings = `SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
  SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = off; SET LOCAL enable_sort = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL cursor_tuple_fraction = 1`

/** A connection of its own on the snapshot, that reads parts of it. */
export async function openLogScanner(source: ScanSource): Promise<LogScanner> {
  const { databaseUrl, snapshotId, ledgerId, secret } = source
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "chainbridge-verify",
    connectionTimeoutMillis: 10_000,
  })
  client.on("error", () => undefined)
  await client.connect()
  await client.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${client.escapeLiteral(snapshotId)}; ${settings}`,
  )
  return {
    async run(task) {
      if (task.kind === "events")
        return { kind: "events", segment: await scanSegment(client, ledgerId, secret, task) }
      const sum = emptySum()
      await copyOut(client, selectTableRows(task.table, ledgerId, task.fromPage, task.toPage), (row) =>
        addDigest(sum, secret, row.subarray(2)),
      )
      return { kind: "rows", sum }
    },
    close: () => client.end(),
  }
}
