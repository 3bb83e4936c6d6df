import { makeCheckpoint } from "../../ledger/audit/make-checkpoint.ts"
import { auditKeyOf } from "../../ledger/domain/audit-key.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"

/** What a process that makes one checkpoint is told, as JSON in TEST_CHECKPOINT. */
export type DyingCheckpointOptions = {
  readonly databaseUrl: string
  readonly ledgerId: string
  /** Kills itself instead of sending its statement of this number, which counts from 0. */
  readonly dieAt: number
  /** Sends that statement first and dies while it runs. */
  readonly isSent: boolean
}

const options = JSON.parse(process.env["TEST_CHECKPOINT"] ?? "{}") as DyingCheckpointOptions
const pool = createPool({
  databaseUrl: options.databaseUrl,
  applicationName: "test-checkpoint",
  connectionsMax: 1,
})
const client = await pool.connect()
const send = client.query.bind(client) as (...statement: unknown[]) => unknown
let sent = 0
client.query = ((...statement: unknown[]) => {
  if (sent === options.dieAt) {
    if (options.isSent) void send(...statement)
    // What was written to the socket leaves before the signal comes.
    setImmediate(() => process.kill(process.pid, "SIGKILL"))
    return new Promise(() => undefined)
  }
  sent += 1
  return send(...statement)
}) as typeof client.query
client.release()
await makeCheckpoint(
  createKysely<Database>(pool),
  options.ledgerId,
  auditKeyOf(Buffer.alloc(32, 1)),
  new Date(),
)
process.exit(0)
