import { sql, type Transaction } from "kysely"
import { unreachable } from "../../platform/errors.ts"
import type { ChainLog } from "../domain/chain-log.ts"
import type { Finding, Recordable } from "../domain/decide-confirmations.ts"
import { raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import { type PauseKind, pauseLanes } from "../store/pause-lanes.ts"

/** What the chain shows and nobody is credited for. */
type Refused = Exclude<Finding, Recordable>

export function isRefused(finding: Finding): finding is Refused {
  switch (finding.kind) {
    case "unknown_batch":
    case "altered_batch":
    case "settled_twice":
    case "foreign_anchor":
      return true
    case "settled":
    case "deferred":
    case "cancelled":
    case "observed":
    case "anchored":
      return false
    default:
      return unreachable(finding)
  }
}

/** Says so, and has nothing more settled where that may do harm. */
export async function refuseFinding(trx: Transaction<Database>, finding: Refused): Promise<void> {
  switch (finding.kind) {
    case "unknown_batch":
      return refuseUnknownBatch(trx, finding)
    case "altered_batch":
      return refuseAlteredBatch(trx, finding)
    case "settled_twice":
      return refuseSecondSettlement(trx, finding)
    case "foreign_anchor":
      return refuseForeignAnchor(trx, finding)
    default:
      return unreachable(finding)
  }
}

async function refuseAlteredBatch(
  trx: Transaction<Database>,
  { log, batch }: Extract<Finding, { kind: "altered_batch" }>,
): Promise<void> {
  const { ledgerId, batchSequence, batchId } = batch
  const message = `the token ${log.address} on chain ${log.chainId} moved something else than batch ${batchSequence} by its transaction ${log.transactionHash}; nothing was credited`
  await raiseAlarm(trx, { kind: "settlement_differs", subject: `batch:${batchId}`, ledgerId, message })
  await pauseToken(trx, log, "altered", pauseReason(log))
}

async function refuseSecondSettlement(
  trx: Transaction<Database>,
  { log, batch }: Extract<Finding, { kind: "settled_twice" }>,
): Promise<void> {
  const { ledgerId, batchSequence } = batch
  const message = `batch ${batchSequence} was settled by transaction ${batch.confirmedIn.transactionHash} and a second time by ${log.transactionHash} on chain ${log.chainId}; the second one was not credited`
  const subject = `${ledgerId}:${batchSequence}`
  await raiseAlarm(trx, { kind: "settled_twice", subject, ledgerId, message })
  await pauseToken(trx, log, "altered", pauseReason(log))
}

const pauseReason = ({ chainId, address, transactionHash }: ChainLog): string =>
  `the token ${address} on chain ${chainId} moved something else than was sealed (transaction ${transactionHash})`

async function refuseUnknownBatch(
  trx: Transaction<Database>,
  finding: Extract<Finding, { kind: "unknown_batch" }>,
): Promise<void> {
  const { chainId, address, transactionHash } = finding.log
  const where = `the contract ${address} on chain ${chainId}`
  const message = `${where} settled a batch ${finding.batchId} that no ledger here sealed, or that is out of use (transaction ${transactionHash}); nothing was credited`
  await raiseAlarm(trx, {
    kind: "unknown_batch",
    subject: `${chainId}:${finding.batchId}`,
    ledgerId: await ledgerNamedBy(trx, finding.batchId),
    message,
  })
  await pauseToken(
    trx,
    finding.log,
    "foreign",
    `${where} settled a batch that no ledger here sealed, or that is out of use (transaction ${transactionHash})`,
  )
}

/** Each learns that its own lane stands still, and nothing of the others. */
async function pauseToken(
  trx: Transaction<Database>,
  { chainId, address }: ChainLog,
  by: PauseKind,
  reason: string,
): Promise<void> {
  const { rows } = await sql<{ ledger_id: string; token_id: number }>`
    SELECT l.ledger_id, l.token_id FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id
    WHERE t.chain_id = ${chainId} AND (t.token_address = ${address} OR t.treasury = ${address})`.execute(trx)
  await pauseLanes(
    trx,
    rows.map((row) => ({ ledgerId: row.ledger_id, tokenId: row.token_id })),
    { reason, by },
  )
}

/** The ledger whose id is in the id of a batch: see batchIdOf. null where there is no such ledger here. */
async function ledgerNamedBy(trx: Transaction<Database>, batchId: string): Promise<string | null> {
  const { rows } = await sql<{ ledger_id: string }>`
    SELECT ledger_id FROM registry.ledgers WHERE replace(ledger_id::text, '-', '') = substr(${batchId}, 19, 32)`.execute(
    trx,
  )
  return rows[0]?.ledger_id ?? null
}

async function refuseForeignAnchor(
  trx: Transaction<Database>,
  { log, ledgerId, signedRoot }: Extract<Finding, { kind: "foreign_anchor" }>,
): Promise<void> {
  const { chainId, address, transactionHash } = log
  const { treeSize, root } = log.args
  const signed =
    signedRoot === null ? "no checkpoint of that size was signed here" : `signed is ${signedRoot}`
  const message = `the contract ${address} on chain ${chainId} has the root ${root} for the first ${treeSize} events of ledger ${ledgerId}, and ${signed} (transaction ${transactionHash}): somebody else may anchor there, or events were lost here`
  await raiseAlarm(trx, {
    kind: "foreign_anchor",
    subject: `${chainId}:${ledgerId}:${treeSize}`,
    ledgerId,
    message,
  })
}
