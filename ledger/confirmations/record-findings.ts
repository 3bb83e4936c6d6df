import { sql, type Transaction } from "kysely"
import { invariant } from "../../platform/errors.ts"
import { eventOfFinding, type Finding, type Recordable } from "../domain/decide-confirmations.ts"
import type { RecordedEvent } from "../domain/events.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import { append } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { balanceOf, type LedgerTransaction, loadBalances } from "../store/ledger-transaction.ts"
import { watchOverdrawn } from "./overdrawn.ts"
import { isRefused, refuseFinding } from "./refuse-finding.ts"

/**
 * Appends what was found to the ledgers that it concerns, each log once: what an unrevoked confirmation already covers is left out, so the same blocks may be read again.
 * @param ledgers the ledgers of all findings, their heads locked
 * @returns how many events were appended
 */
export async function recordFindings(
  trx: Transaction<Database>,
  ledgers: ReadonlyMap<string, LedgerTransaction>,
  findings: readonly Finding[],
  recordedAt: Date,
): Promise<number> {
  const recordable = new Map<string, Recordable[]>()
  for (const finding of findings) {
    if (isRefused(finding)) {
      await refuseFinding(trx, finding)
      continue
    }
    const ledgerId = ledgerOf(finding)
    recordable.set(ledgerId, [...(recordable.get(ledgerId) ?? []), finding])
  }
  let appended = 0
  for (const [ledgerId, found] of recordable) {
    const ledger = ledgers.get(ledgerId)
    invariant(ledger !== undefined, `the head of ledger ${ledgerId} is not locked`)
    const known = await knownKeys(ledger, found)
    appended += await recordInLedger(
      ledger,
      found.filter((finding) => !known.has(keyOf(finding))),
      recordedAt,
    )
  }
  return appended
}

async function recordInLedger(
  ledger: LedgerTransaction,
  findings: readonly Recordable[],
  recordedAt: Date,
): Promise<number> {
  if (findings.length === 0) return 0
  await loadBalances(ledger, findings.flatMap(accountsOf))
  // Observations say the balance after them, so the balances are carried along in the order of the logs.
  const pending = new Map<bigint, bigint>()
  const pendingOf = (accountId: bigint) => pending.get(accountId) ?? balanceOf(ledger, accountId).pending
  const events = findings.map((finding) => {
    if (finding.kind === "settled") {
      for (const { accountId, settled, amount } of finding.moves) {
        pending.set(accountId, pendingOf(accountId) + amount - settled)
      }
    }
    return eventOfFinding(finding, (accountId, amount) => {
      const after = pendingOf(accountId) + amount
      pending.set(accountId, after)
      return after
    })
  })
  const recorded = await append(ledger, events, recordedAt)
  await insertConfirmations(ledger, findings, recorded)
  await watchOverdrawn(ledger, pending)
  await watchSettled(ledger, findings)
  if (findings.some(({ kind }) => kind === "anchored"))
    await clearAlarm(ledger.trx, "anchor_failing", `anchor:${ledger.ledgerId}`)
  return recorded.length
}

function ledgerOf(finding: Recordable): string {
  if (finding.kind === "anchored") return finding.ledgerId
  return finding.kind === "observed" ? finding.account.ledgerId : finding.batch.ledgerId
}

function accountsOf(finding: Recordable): bigint[] {
  if (finding.kind === "anchored") return []
  if (finding.kind === "observed") return [finding.account.accountId]
  return finding.batch.accounts.map((account) => account.accountId)
}

async function insertConfirmations(
  ledger: LedgerTransaction,
  findings: readonly Recordable[],
  recorded: readonly RecordedEvent[],
): Promise<void> {
  await sql`
    INSERT INTO ledger.confirmations (ledger_id, position, chain_id, block_number, block_hash, log_index, account_id, batch_sequence)
    SELECT ${ledger.ledgerId}, c.* FROM unnest(
      ${recorded.map((event) => event.position.toString())}::bigint[],
      ${findings.map((finding) => finding.log.chainId)}::bigint[],
      ${findings.map((finding) => finding.log.blockNumber.toString())}::bigint[],
      ${findings.map((finding) => finding.log.blockHash)}::text[],
      ${findings.map((finding) => finding.log.logIndex)}::integer[],
      ${findings.map((finding) => (finding.kind === "observed" ? finding.account.accountId.toString() : null))}::bigint[],
      ${findings.map((finding) => (finding.kind === "settled" || finding.kind === "cancelled" ? finding.batch.batchSequence.toString() : null))}::bigint[]
    ) AS c`.execute(ledger.trx)
}

function keyOf(finding: Recordable): string {
  const accountId = finding.kind === "observed" ? finding.account.accountId : ""
  return `${finding.log.blockHash}:${finding.log.logIndex}:${accountId}`
}

async function knownKeys(ledger: LedgerTransaction, findings: readonly Recordable[]): Promise<Set<string>> {
  const { rows } = await sql<{ block_hash: string; log_index: number; account_id: bigint | null }>`
    SELECT block_hash, log_index, account_id FROM ledger.confirmations
    WHERE ledger_id = ${ledger.ledgerId} AND revoked_position IS NULL
      AND chain_id = ANY(${[...new Set(findings.map((finding) => finding.log.chainId))]}::bigint[])
      AND block_hash = ANY(${[...new Set(findings.map((finding) => finding.log.blockHash))]}::text[])`.execute(
    ledger.trx,
  )
  return new Set(rows.map((row) => `${row.block_hash}:${row.log_index}:${row.account_id ?? ""}`))
}

/** What the chain moved is what counts; that it is not what was sealed has to be looked at. */
async function watchSettled(ledger: LedgerTransaction, findings: readonly Recordable[]): Promise<void> {
  for (const finding of findings) {
    if (finding.kind !== "settled") continue
    const differing = finding.moves.filter(({ settled, amount }) => settled !== amount)
    if (differing.length === 0) continue
    await raiseAlarm(ledger.trx, {
      kind: "settlement_differs",
      subject: `batch:${finding.batch.batchId}`,
      ledgerId: ledger.ledgerId,
      message: `batch ${finding.batch.batchId} moved something else on the chain than its changes, for ${differing.length} accounts (transaction ${finding.log.transactionHash})`,
    })
  }
}
