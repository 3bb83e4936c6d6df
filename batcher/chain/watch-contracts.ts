import type { Hex } from "viem"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import type { OpenCall } from "../store/open-call.ts"
import type { DeskTurn } from "./desk-turn.ts"

/**
 * Which of the contracts that are called the chain does not have. A call to an address without code succeeds and does nothing, and whatever was signed for it would use its nonce up: so
 * nothing is sent to a contract that a chain has lost with its newest blocks, and somebody is told.
 */
export function createContractWatch(): (
  turn: DeskTurn,
  calls: readonly Pick<OpenCall, "to">[],
) => Promise<ReadonlySet<Hex>> {
  // An earlier process may have raised what only we can clear.
  const known = new Set<Hex>()

  return async (turn, calls) => {
    const { batcher, desk, reads } = turn
    const { chainId } = desk.signer
    const missing = new Set<Hex>()
    for (const address of new Set(calls.map(({ to }) => to))) {
      const subject = `contract:${chainId}:${address}`
      if (await reads.hasCode(address)) {
        if (!known.has(address)) await clearAlarm(batcher.db, "contract_missing", subject)
        known.add(address)
        continue
      }
      known.delete(address)
      missing.add(address)
      const message = `chain ${chainId} has no contract at ${address} any more, though balances settle there: it lost the blocks that had it. Nothing is sent until it is back: deploy it again at that address, or bring the lost blocks back`
      await raiseAlarm(batcher.db, { kind: "contract_missing", subject, ledgerId: null, message })
    }
    return missing
  }
}
