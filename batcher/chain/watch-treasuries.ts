import { erc20Abi } from "viem"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { resumeLanes } from "../../ledger/store/pause-lanes.ts"
import { ChainBridgeError, causesOf } from "../../platform/errors.ts"
import { judgeTreasury } from "../domain/treasury-funds.ts"
import { readLanesWaitingForTreasury, readTreasuryTokens, type TreasuryToken } from "../store/treasuries.ts"
import type { DeskTurn } from "./desk-turn.ts"
import { describeDoubt } from "./find-consumer.ts"
import { treasurySubject } from "./treasury-refusals.ts"

/** Says so before a treasury is empty, and lets the lanes that wait for tokens go on when there are enough for what they wait with. Nobody else's pause is lifted. */
export async function watchTreasuries(turn: DeskTurn): Promise<void> {
  const { batcher, desk } = turn
  for (const token of await readTreasuryTokens(batcher.db, desk.signer.chainId)) {
    const balance = await readBalance(turn, token)
    if (balance === null) continue
    const available = balance > token.underway ? balance - token.underway : 0n
    await watchLevel(turn, token, available)
    await resumeFunded(turn, token, available)
  }
}

/** @returns null where it cannot be read, which is an alarm: nobody else's batches wait for this token's contract */
async function readBalance(
  { batcher, client, desk }: DeskTurn,
  token: TreasuryToken,
): Promise<bigint | null> {
  const { tokenAddress, treasury, symbol } = token
  const subject = treasurySubject(desk.signer.chainId, treasury, tokenAddress)
  try {
    const balance = await client.reads.readContract({
      abi: erc20Abi,
      address: tokenAddress,
      functionName: "balanceOf",
      args: [treasury],
    })
    await clearAlarm(batcher.db, "treasury_unreadable", subject)
    return balance
  } catch (error) {
    const doubt = describeDoubt(error)
    if (doubt === null) throw error
    // Nobody has answered, which says nothing about the token.
    if (
      causesOf(error).some((cause) => cause instanceof ChainBridgeError && cause.code === "RPC_UNAVAILABLE")
    )
      return null
    await raiseAlarm(batcher.db, {
      kind: "treasury_unreadable",
      subject,
      ledgerId: null,
      message: `what the treasury ${treasury} on chain ${desk.signer.chainId} has of ${symbol} cannot be read from the token ${tokenAddress}: ${doubt}`,
    })
    return null
  }
}

async function watchLevel({ batcher, desk }: DeskTurn, token: TreasuryToken, available: bigint) {
  const { db, limits } = batcher
  const subject = treasurySubject(desk.signer.chainId, token.treasury, token.tokenAddress)
  const { owed, paidPerBatch, symbol, decimals } = token
  const verdict = judgeTreasury({ available, owed, paidPerBatch }, limits.lowTreasuryBatches)
  if (verdict === "enough") await clearAlarm(db, "treasury_balance_low", subject)
  if (verdict !== "low") return
  const amount = (baseUnits: bigint) => `${formatAmount(baseUnits, decimals)} ${symbol}`
  const habit =
    paidPerBatch === null ? "" : `, and the last batches paid ${amount(paidPerBatch)} each on average`
  await raiseAlarm(db, {
    kind: "treasury_balance_low",
    subject,
    ledgerId: null,
    message: `the treasury ${token.treasury} on chain ${desk.signer.chainId} has ${amount(available)} left; ${amount(owed)} wait to be paid${habit}: send it some`,
  })
}

async function resumeFunded({ batcher, desk }: DeskTurn, token: TreasuryToken, available: bigint) {
  const { db, logger } = batcher
  const subject = treasurySubject(desk.signer.chainId, token.treasury, token.tokenAddress)
  const resumed = await db.transaction().execute(async (trx) => {
    const waiting = await readLanesWaitingForTreasury(trx, token.tokenId)
    const funded = waiting.filter(({ needed }) => needed <= available)
    const gone = await resumeLanes(trx, funded, ["treasury"])
    if (funded.length === waiting.length) await clearAlarm(trx, "treasury_balance", subject)
    return gone
  })
  if (resumed.length > 0)
    logger.info(
      { treasury: token.treasury, token: token.tokenAddress, lanes: resumed.length },
      "the treasury can pay again: its lanes go on",
    )
}
