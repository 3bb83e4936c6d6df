import { sql } from "kysely"
import { recordFindings } from "../../ledger/confirmations/record-findings.ts"
import type { ChainLog, ChainLogOf } from "../../ledger/domain/chain-log.ts"
import type { Finding, OpenBatch } from "../../ledger/domain/decide-confirmations.ts"
import { revokeEvent } from "../../ledger/domain/revoke-event.ts"
import { append } from "../../ledger/store/append.ts"
import { balanceOf, loadBalances, lockHead, withHead } from "../../ledger/store/ledger-transaction.ts"
import { parseEvent, readEventsAt } from "../../ledger/store/read-events.ts"
import { createLedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createLogger } from "../../platform/logger.ts"
import { settleByHand } from "./settle-by-hand.ts"
import { adjustCommand, type TestLedger } from "./test-ledger.ts"

type Ledger = Pick<TestLedger, "db" | "ledgerId" | "tokenId">

const hashOf = (number: number) => `0x${number.toString(16).padStart(64, "0")}`

/**
 * Leads a fresh ledger through everything that settlement and a chain can do to it, by the real steps: four batches of which two are confirmed, one of them with a deferred debit that a
 * third takes up; a confirmation that is taken back; one batch that is only sealed; changes that cancel out; deposits; changes that wait, and one that nobody has taken in.
 */
export async function liveThrough(ledger: TestLedger): Promise<void> {
  const writer = createLedgerWriter({
    ...ledger,
    tokens: createTokenDirectory(ledger.db, ledger.ledgerId),
    logger: createLogger("test", "silent"),
  })
  const settlement = await settleByHand(ledger.db, ledger.ledgerId, ledger.tokenId)
  const adjust = async (operationId: string, adjustments: readonly (readonly [string, bigint])[]) => {
    const result = await writer.execute(adjustCommand(ledger.tokenId, operationId, adjustments))
    if (result.outcome !== "recorded") throw new Error(result.outcome)
  }
  const sealAll = async (): Promise<bigint> => {
    await settlement.takeIn()
    return (await settlement.seal()) ?? 0n
  }
  await adjust("fund", [
    ["ann", 500n],
    ["bob", 300n],
    ["carl", 9n],
  ])
  await adjust("net", [["carl", -9n]])
  await confirm(ledger, await sealAll(), () => false)
  await observe(ledger, 1n, 40n)
  await observe(ledger, 2n, 7n)
  await revokeNewest(ledger)
  await adjust("spend", [
    ["ann", -100n],
    ["bob", -50n],
    ["bob", -1n],
  ])
  await confirm(ledger, await sealAll(), (accountId) => accountId === 2n)
  await adjust("more", [["ann", 11n]])
  // What bob could not pay may have to wait until its block is deep. Here it is.
  await sql`INSERT INTO ledger.chain_cursors VALUES (31337, 1000, ${hashOf(1_000)}, now(), now())`.execute(
    ledger.db,
  )
  await confirm(ledger, await sealAll(), () => false)
  await revokeNewest(ledger)
  await adjust("again", [
    ["carl", 4n],
    ["carl", 5n],
  ])
  await sealAll()
  await adjust("waiting", [["carl", 2n]])
  await settlement.takeIn()
  await adjust("late", [["dora", 1n]])
  await writer.stop()
}

let logs = 0

/** Every log has its own block. */
function logOf(kind: ChainLog["kind"]): ChainLog {
  logs += 1
  const place = {
    chainId: 31_337,
    address: `0x${"44".repeat(20)}`,
    blockNumber: BigInt(logs),
    blockTime: logs,
  }
  const seen = { blockHash: hashOf(logs), transactionHash: hashOf(1_000 + logs), logIndex: 0 }
  return { ...place, ...seen, kind, args: {} } as ChainLog
}

async function record(ledger: Ledger, findings: readonly Finding[]): Promise<void> {
  await ledger.db.transaction().execute(async (trx) => {
    const head = await lockHead(trx, ledger.ledgerId)
    await recordFindings(trx, new Map([[ledger.ledgerId, head]]), findings, new Date())
  })
}

async function readBatch({ db, ledgerId, tokenId }: Ledger, batchSequence: bigint): Promise<OpenBatch> {
  const { rows } = await sql<{ batch_id: string; content_hash: string; account_id: bigint; delta: bigint }>`
    SELECT b.batch_id, b.content_hash, a.account_id, a.delta
    FROM settlement.batches b JOIN settlement.batch_accounts a USING (ledger_id, batch_sequence)
    WHERE b.ledger_id = ${ledgerId} AND b.batch_sequence = ${batchSequence} ORDER BY a.account_id`.execute(db)
  const [{ batch_id: batchId, content_hash: contentHash } = { batch_id: "", content_hash: "" }] = rows
  const accounts = rows.map((row) => ({
    ...{ accountId: row.account_id, delta: row.delta, address: "", hasLeft: false },
  }))
  const common = { contract: "", counterparty: null, isDissolved: false }
  return { ledgerId, tokenId, batchSequence, batchId, contentHash, accounts, ...common }
}

/** Takes a batch's id out of use, as the chain does when it was asked to: all that the batch holds waits again. */
export async function cancelByHand(ledger: Ledger, batchSequence: bigint): Promise<void> {
  const batch = await readBatch(ledger, batchSequence)
  const log = logOf("BatchCancelled") as ChainLogOf<"BatchCancelled">
  await record(ledger, [{ kind: "cancelled", log, batch }])
}

/** Confirms a batch as it was planned, but for the debits that the chain skipped. */
async function confirm(
  ledger: TestLedger,
  batchSequence: bigint,
  isSkipped: (accountId: bigint) => boolean,
): Promise<void> {
  const batch = await readBatch(ledger, batchSequence)
  const { accounts } = batch
  const moves = accounts
    .filter(({ accountId }) => !isSkipped(accountId))
    .map(({ accountId, delta }) => ({ accountId, settled: delta, amount: delta }))
  const debits = accounts
    .filter(({ accountId }) => isSkipped(accountId))
    .map(({ accountId, delta }) => ({ accountId, net: delta, chainBalance: 0n }))
  await record(ledger, [
    { kind: "settled", log: logOf("BatchSettled"), batch, moves },
    ...(debits.length === 0
      ? []
      : [{ kind: "deferred" as const, log: logOf("DebitSkipped"), batch, debits }]),
  ])
}

async function observe(ledger: TestLedger, accountId: bigint, amount: bigint): Promise<void> {
  const account = { ledgerId: ledger.ledgerId, accountId, address: "" }
  await record(ledger, [
    { kind: "observed", log: logOf("Transfer"), account, amount, counterparty: `0x${"99".repeat(20)}` },
  ])
}

/** Takes the newest confirmation back, as a reorganisation does. */
export async function revokeNewest(ledger: Ledger): Promise<void> {
  const at = new Date()
  await withHead(ledger.db, ledger.ledgerId, async (head) => {
    const [stored] = await readEventsAt(head.trx, ledger.ledgerId, [head.position])
    if (stored === undefined) throw new Error("there is no event")
    if (stored.accountId !== null) await loadBalances(head, [stored.accountId])
    const pending = (accountId: bigint) => balanceOf(head, accountId).pending
    const event = revokeEvent(stored.position, parseEvent(stored), () => true, pending, at)
    const [revocation] = await append(head, [event], at)
    await sql`UPDATE ledger.confirmations SET revoked_position = ${revocation?.position} WHERE position = ${stored.position}`.execute(
      head.trx,
    )
  })
}
