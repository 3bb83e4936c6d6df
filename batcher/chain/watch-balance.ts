import { sql, type Transaction } from "kysely"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { resumeLanes } from "../../ledger/store/pause-lanes.ts"
import { canPayAgain, judgeFunds } from "../domain/signer-funds.ts"
import { readLanesOfChain } from "../store/lanes.ts"
import { readSignerSpending } from "../store/signer-spending.ts"
import type { DeskTurn } from "./desk-turn.ts"

/**
 * Says so before a signer's coins run out, and lets the lanes that stood still for want of them go on when they are there again. Nobody else's pause is lifted.
 * @param latestCount the signer's transactions in the newest block
 */
export async function watchBalance(
  { batcher, desk }: DeskTurn,
  balance: bigint,
  latestCount: bigint,
): Promise<void> {
  const { db, limits, logger } = batcher
  const { chainId, address } = desk.signer
  const subject = `signer:${chainId}:${address}`
  const { feePerBatch, reserveMax, reserved } = await readSignerSpending(db, desk.signer, latestCount)
  const funds = { balance, feePerBatch, needed: reserved > 0n ? reserved : (reserveMax ?? 0n) }
  const verdict = judgeFunds(funds, limits.lowBalanceBatches)
  if (verdict === "enough") await clearAlarm(db, "signer_balance_low", subject)
  else if (verdict === "low")
    await raiseAlarm(db, {
      kind: "signer_balance_low",
      subject,
      ledgerId: null,
      message: `the coins of signer ${address} on chain ${chainId} pay for fewer than ${limits.lowBalanceBatches} batches at what the last ones cost: send it some`,
    })
  if (!canPayAgain(funds)) return
  const resumed = await db.transaction().execute(async (trx) => {
    if (!(await isStopped(trx, chainId, subject))) return []
    const lanes = (await isAnotherEmpty(trx, chainId, subject)) ? [] : await readLanesOfChain(trx, chainId)
    const gone = await resumeLanes(trx, lanes, "balance")
    await clearAlarm(trx, "signer_balance", subject)
    return gone
  })
  if (resumed.length > 0)
    logger.info(
      { chainId: chainId.toString(), signer: address, lanes: resumed.length },
      "the signer can pay for gas again: its lanes go on",
    )
}

async function isStopped(trx: Transaction<Database>, chainId: bigint, subject: string): Promise<boolean> {
  const { rows } = await sql<{ is_stopped: boolean }>`
    SELECT EXISTS (
        SELECT FROM registry.alarms WHERE kind = 'signer_balance' AND subject = ${subject} AND cleared_at IS NULL)
      OR EXISTS (
        SELECT FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id
        WHERE t.chain_id = ${chainId} AND l.paused_by = 'balance') AS is_stopped`.execute(trx)
  return rows[0]?.is_stopped === true
}

/** Whether a further signer of the chain that somebody works with cannot pay: then the lanes wait for that one too. */
async function isAnotherEmpty(
  trx: Transaction<Database>,
  chainId: bigint,
  subject: string,
): Promise<boolean> {
  const { rows } = await sql`
    SELECT FROM settlement.signers s
    JOIN registry.alarms a ON a.kind = 'signer_balance' AND a.subject = 'signer:' || s.chain_id || ':' || s.address AND a.cleared_at IS NULL
    WHERE s.chain_id = ${chainId} AND s.lease_expires_at > now() AND a.subject <> ${subject} LIMIT 1`.execute(
    trx,
  )
  return rows.length > 0
}
