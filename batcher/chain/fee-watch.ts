import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Batcher } from "../batcher-context.ts"
import { offerFor } from "../domain/fees.ts"
import type { SignerKey } from "../store/leases.ts"
import type { DeskTurn } from "./desk-turn.ts"

/** Remembers over a desk's turns since when nothing new is sent because the chain asks for more than may be offered. */
export type FeeWatch = {
  /** Something was held back in this turn. */
  note(message: string): void
  /** Raises the alarm when that has lasted, and clears it when the chain asks for less again. @throws ChainBridgeError RPC_UNAVAILABLE */
  endTurn(turn: DeskTurn): Promise<void>
}

export function createFeeWatch(batcher: Batcher, { chainId, address }: SignerKey): FeeWatch {
  const subject = `signer:${chainId}:${address}`
  let noted: string | null = null
  let heldSinceMs: number | null = null
  /** An earlier process may have raised what only we can clear. */
  let mayBeAlarmed = true
  return {
    note(message) {
      noted = message
    },
    async endTurn(turn) {
      const nowMs = batcher.now().getTime()
      if (noted !== null) {
        const message = `signer ${address} on chain ${chainId} sends nothing new: ${noted}`
        noted = null
        heldSinceMs ??= nowMs
        if (nowMs - heldSinceMs < batcher.limits.feeCapAlarmMs) return
        await raiseAlarm(batcher.db, { kind: "fee_cap", subject, ledgerId: null, message })
        mayBeAlarmed = true
        return
      }
      if (heldSinceMs === null && !mayBeAlarmed) return
      // What was held back waits for its next try; that nobody tried in this turn says nothing about the chain.
      const { maxFeePerGas } = turn.policy
      if (maxFeePerGas !== null) {
        const decision = offerFor(await turn.reads.market(), { bufferPercent: 0, maxFeePerGas })
        if ("refused" in decision) return
      }
      heldSinceMs = null
      if (mayBeAlarmed) await clearAlarm(batcher.db, "fee_cap", subject)
      mayBeAlarmed = false
    },
  }
}
