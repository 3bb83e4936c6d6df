import { resolve } from "node:path"
import { exportLedger } from "../../ledger/audit/export-ledger.ts"
import { createProgressBar } from "../progress-bar.ts"
import { writeStreamDurably } from "../write-stream-durably.ts"
import { chooseLedger } from "./choose-ledger.ts"
import { findAuditKey } from "./find-audit-key.ts"
import { withDatabase } from "./open-database.ts"

export type AuditExportOptions = {
  readonly dataDir: string
  readonly out: string
  readonly ledger?: string
  readonly from?: bigint
  readonly to?: bigint
  readonly details: boolean
}

/** `chainbridge audit export`: the log of a ledger as a file that proves itself. The file is there when all of it is. */
export async function auditExportCommand(options: AuditExportOptions): Promise<void> {
  const key = findAuditKey(options.dataDir)
  await withDatabase(options.dataDir, async (db) => {
    const { ledgerId, name } = await chooseLedger(db, options.ledger)
    let total = 0n
    const bar = createProgressBar("export", () => Number(total))
    const written = await writeStreamDurably(resolve(options.out), (append) =>
      exportLedger(
        db,
        {
          ledgerId,
          hasDetails: options.details,
          key,
          ...(options.from === undefined ? {} : { first: options.from }),
          ...(options.to === undefined ? {} : { last: options.to }),
        },
        append,
        (done, all) => {
          total = all
          bar.update(Number(done), `${done} of ${all} events`)
        },
      ),
    )
    bar.end()
    const { events, position, hash, root } = written
    process.stdout.write(
      `exported ${name} ${ledgerId}: ${events} events up to ${position}, head ${hash.toString("hex")}, root ${root.toString("hex")}\n`,
    )
    process.stdout.write(
      key === null
        ? "not signed: AUDIT_SIGNING_KEY is not set\n"
        : `signed by ${key.keyId}, public key ${key.publicKey.toString("hex")}\n`,
    )
  })
}
