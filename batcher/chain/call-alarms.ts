import type { Kysely, Transaction } from "kysely"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { releaseClaims } from "../store/claims.ts"
import { pauseLanesOfChain } from "../store/lanes.ts"
import { requireSigner } from "../store/leases.ts"
import type { OpenCall } from "../store/open-call.ts"
import { subjectOfSigner } from "../store/signer-standing.ts"
import { lockSigners, stopUnworkableLanes } from "../store/stop-unworkable-lanes.ts"
import type { DeskTurn } from "./desk-turn.ts"

/** The fields that name a call in a log line. */
export function logOf(call: OpenCall): Readonly<Record<string, string>> {
  return call.kind === "batch"
    ? { batchId: call.batchId }
    : { ledgerId: call.ledgerId, treeSize: call.treeSize.toString() }
}

/** A call does not get anywhere. Of a ledger's anchors only the newest counts, so they share one alarm. */
export async function alarmFailing(
  db: Kysely<Database> | Transaction<Database>,
  call: OpenCall,
  message: string,
): Promise<void> {
  const { ledgerId } = call
  await raiseAlarm(
    db,
    call.kind === "batch"
      ? { kind: "batch_failing", subject: `batch:${call.batchId}`, ledgerId, message }
      : { kind: "anchor_failing", subject: `anchor:${ledgerId}`, ledgerId, message },
  )
}

/**
 * Somebody else signs with a key of ours: nothing new is sent from the chain until a person has looked.
 * @param address whose key it is; the desk's own unless it looks after a nonce of a signer that nobody works with
 * @throws ChainBridgeError LEASE_LOST: who has slept through its lease may take another process of ours for somebody else
 */
export async function alarmForeign(
  { batcher, desk }: Pick<DeskTurn, "batcher" | "desk">,
  what: string,
  address: string = desk.signer.address,
): Promise<void> {
  const { chainId } = desk.signer
  const message = `signer ${address} on chain ${chainId} is used by somebody else: ${what}`
  await batcher.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    // All lanes, whoever else could sign: the key may settle what it likes.
    await pauseLanesOfChain(trx, chainId, message, "foreign")
    const subject = subjectOfSigner({ chainId, address })
    await raiseAlarm(trx, { kind: "foreign_transaction", subject, ledgerId: null, message })
  })
}

/** The signer takes nothing new, and what it has claimed is free for others; where there is nobody else, the chain's lanes stop. */
export async function alarmUnderfunded({ batcher, desk }: Pick<DeskTurn, "batcher" | "desk">): Promise<void> {
  const { chainId, address } = desk.signer
  const message = `signer ${address} on chain ${chainId} cannot pay for gas: send it coins, and it goes on`
  await batcher.db.transaction().execute(async (trx) => {
    await lockSigners(trx, desk.signer)
    await releaseClaims(trx, desk.signer)
    await stopUnworkableLanes(trx, chainId, { reason: message, by: "balance" }, { without: address })
    const subject = subjectOfSigner(desk.signer)
    await raiseAlarm(trx, { kind: "signer_balance", subject, ledgerId: null, message })
  })
}
