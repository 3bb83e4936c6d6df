import type { Hex } from "viem"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { invariant } from "../../platform/errors.ts"
import { describeCall } from "../store/call-key.ts"
import { noteFailure } from "../store/call-moves.ts"
import { pauseLane } from "../store/lanes.ts"
import type { OpenCall } from "../store/open-call.ts"
import { alarmFailing, logOf } from "./call-alarms.ts"
import { type DeskTurn, retryAtAfterFailure } from "./desk-turn.ts"

export function treasurySubject(chainId: bigint, treasury: Hex, tokenAddress: Hex): string {
  return `treasury:${chainId}:${treasury}:${tokenAddress}`
}

/** The treasury cannot pay a batch: that is no failure of the batch and no account's fault. Its lane waits until somebody has sent tokens: see watchTreasuries. */
export async function waitForTreasury(
  turn: DeskTurn,
  call: OpenCall,
  { balance, needed }: { readonly balance: bigint; readonly needed: bigint },
): Promise<void> {
  invariant(call.kind === "batch", "only batches are paid out of a treasury")
  const { tokenAddress, symbol, decimals } = call
  const amount = (baseUnits: bigint) => `${formatAmount(baseUnits, decimals)} ${symbol}`
  const message = `the treasury of ${symbol} holds ${amount(balance)}, the batch needs ${amount(needed)}: fund ${call.to}, and it goes on`
  turn.batcher.logger.warn({ ...logOf(call), problem: message }, "a treasury cannot pay a batch")
  await noteFailure(turn.desk, call, {
    message,
    at: turn.batcher.now(),
    retryAt: retryAtAfterFailure(turn, call),
    isCounted: false,
    also: async (trx) => {
      const subject = treasurySubject(turn.desk.signer.chainId, call.to, tokenAddress)
      // The lane first, as whoever lets it go on locks them.
      await pauseLane(trx, call, message, "treasury")
      await raiseAlarm(trx, { kind: "treasury_balance", subject, ledgerId: null, message })
    },
  })
}

/** The contract says that it is no single account's fault, and trying again would change nothing: the lane stops at once, so that somebody looks. */
export async function stopForEverybody(turn: DeskTurn, call: OpenCall, reason: string): Promise<void> {
  const message = `${describeCall(call)} cannot be settled: ${reason}`
  turn.batcher.logger.warn({ ...logOf(call), problem: reason }, "a token keeps a share of what is sent")
  await noteFailure(turn.desk, call, {
    message,
    at: turn.batcher.now(),
    retryAt: retryAtAfterFailure(turn, call),
    isCounted: true,
    also: async (trx) => {
      await alarmFailing(trx, call, message)
      if (call.kind === "batch") await pauseLane(trx, call, message, "errors")
    },
  })
}
