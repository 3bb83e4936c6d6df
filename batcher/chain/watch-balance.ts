import { sql } from "kysely"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { offeredPerGas, offerFor } from "../domain/fees.ts"
import { gasLimitFor } from "../domain/gas-limit.ts"
import { settleGas } from "../domain/gas-model.ts"
import { canPayAgain, judgeFunds } from "../domain/signer-funds.ts"
import { readSignerSpending } from "../store/signer-spending.ts"
import { subjectOfSigner } from "../store/signer-standing.ts"
import { lockSigners, resumeWorkableLanes, stopUnworkableLanes } from "../store/stop-unworkable-lanes.ts"
import { alarmUnderfunded } from "./call-alarms.ts"
import { type DeskTurn, fallbackStrategy } from "./desk-turn.ts"

/**
 * Says so before a signer's coins run out, and lets the lanes that stood still because no signer could work go on when this one can. Nobody else's pause is lifted.
 * @param latestCount the signer's transactions in the newest block
 */
export async function watchBalance(turn: DeskTurn, balance: bigint, latestCount: bigint): Promise<void> {
  const { batcher, desk, standing } = turn
  const { db, limits } = batcher
  const { chainId, address } = desk.signer
  const subject = subjectOfSigner(desk.signer)
  const { feePerBatch, reserveMax, reserved } = await readSignerSpending(db, desk.signer, latestCount)
  const verdict = judgeFunds({ balance, feePerBatch, needed: reserved }, limits.lowBalanceBatches)
  if (verdict === "enough") await clearAlarm(db, "signer_balance_low", subject)
  else if (verdict === "low")
    await raiseAlarm(db, {
      kind: "signer_balance_low",
      subject,
      ledgerId: null,
      message: `the coins of signer ${address} on chain ${chainId} pay for fewer than ${limits.lowBalanceBatches} batches at what the last ones cost: send it some`,
    })
  if (!standing.isEmpty && !(await doLanesWait(turn))) return
  const next = await readNextPrice(turn)
  if (next === null) return
  const needed = reserved + (reserveMax !== null && reserveMax > next ? reserveMax : next)
  // Whoever could work in its place may have gone meanwhile.
  if (!canPayAgain({ balance, feePerBatch, needed })) {
    if (standing.isEmpty) await alarmUnderfunded(turn)
    return
  }
  await goOn(turn)
}

async function goOn({ batcher, desk }: DeskTurn): Promise<void> {
  const { chainId, address } = desk.signer
  const resumed = await batcher.db.transaction().execute(async (trx) => {
    await lockSigners(trx, desk.signer)
    await clearAlarm(trx, "signer_balance", subjectOfSigner(desk.signer))
    return resumeWorkableLanes(trx, chainId)
  })
  if (resumed > 0)
    batcher.logger.info(
      { chainId: chainId.toString(), signer: address, lanes: resumed },
      "a signer can work again: lanes go on",
    )
}

/** Where nobody else can work, a retired signer's lanes wait for one that can. */
export async function stopForRetired({ batcher, desk }: DeskTurn): Promise<void> {
  const { chainId, address } = desk.signer
  const reason = `signer ${address} on chain ${chainId} is retired and no other one can settle: add one, or reinstate it`
  await batcher.db.transaction().execute(async (trx) => {
    await lockSigners(trx, desk.signer)
    await stopUnworkableLanes(trx, chainId, { reason, by: "signer" }, { without: address })
  })
}

async function doLanesWait({ batcher, desk }: DeskTurn): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id
    WHERE t.chain_id = ${desk.signer.chainId} AND l.paused_by IN ('balance', 'signer') LIMIT 1`.execute(
    batcher.db,
  )
  return rows.length > 0
}

/**
 * The most that the next batch can cost: the dearest of those that wait for a nonce, or the smallest that there can be.
 * @returns null while the chain asks for more than may be offered
 */
async function readNextPrice(turn: DeskTurn): Promise<bigint | null> {
  const { batcher, desk, policy, gasMax } = turn
  const { rows } = await sql<{ gas_limit: bigint | null; recipients: number }>`
    SELECT b.gas_limit, b.recipients FROM settlement.batches b JOIN registry.tokens t ON t.token_id = b.token_id
    WHERE t.chain_id = ${desk.signer.chainId} AND b.state IN ('sealed', 'simulated')
      AND NOT EXISTS (
        SELECT FROM settlement.nonces n
        WHERE n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence AND n.spent_in_vain_at IS NULL)
    ORDER BY b.recipients DESC LIMIT 1`.execute(batcher.db)
  const recipients = rows[0]?.recipients ?? 1
  const estimated = BigInt(settleGas.fixed + settleGas.newHolder * recipients)
  const gas = rows[0]?.gas_limit ?? gasLimitFor(estimated, recipients, gasMax)
  const offer = offerFor(await turn.reads.market(), {
    bufferPercent: fallbackStrategy.feeBufferPercent,
    maxFeePerGas: policy.maxFeePerGas,
  })
  return "fees" in offer ? gas * offeredPerGas(offer.fees) : null
}
