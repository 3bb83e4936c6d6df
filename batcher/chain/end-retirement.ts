import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import type { OpenCall } from "../store/open-call.ts"
import { giveUpOrphans, markDone, readOrphans } from "../store/retirement.ts"
import { subjectOfSigner } from "../store/signer-standing.ts"
import { readNextNonce } from "../store/signers.ts"
import type { DeskTurn } from "./desk-turn.ts"

/**
 * Says when a retired signer is done: every nonce that it ever reserved is used, past the confirmation depth, and nothing that it sent waits for its confirmation. From then on its key is
 * needed no more. A reorganisation that reaches deeper takes that back.
 */
export async function endRetirement(turn: DeskTurn, calls: readonly OpenCall[]): Promise<void> {
  const { batcher, desk, standing } = turn
  if (standing.isFirst) await lookAfterOrphans(turn)
  if (!standing.isRetired) return
  const own = calls.filter(({ nonce }) => nonce?.signer === desk.signer.address)
  const [finalCount, nextNonce] = await Promise.all([
    turn.reads.finalCount(turn.signer.address),
    readNextNonce(batcher.db, desk.signer),
  ])
  const isDone = own.length === 0 && finalCount !== null && nextNonce !== null && finalCount >= nextNonce
  if (isDone === standing.isDone) return
  await markDone(desk, isDone ? batcher.now() : null)
  const log = { chainId: desk.signer.chainId.toString(), signer: desk.signer.address }
  if (isDone) batcher.logger.info(log, "the retired signer is done: its key is needed no more")
  else batcher.logger.warn(log, "the retired signer has something to do again: its key is needed")
}

/** Transactions of a signer that nobody has the key of are sent again and followed here, but nobody can replace them; what it has not signed gets a nonce of somebody else. */
async function lookAfterOrphans(turn: DeskTurn): Promise<void> {
  const { batcher, desk } = turn
  const { chainId } = desk.signer
  const missing = await readOrphans(batcher.db, chainId, batcher.limits.orphanMs)
  for (const { address, openNonces, isAlarmed, isBack } of missing) {
    const key = { chainId, address }
    const subject = subjectOfSigner(key)
    if (openNonces === 0 || isBack) {
      if (isAlarmed) await clearAlarm(batcher.db, "signer_missing", subject)
      continue
    }
    const message = `signer ${address} on chain ${chainId} has ${openNonces} nonces that are not mined, and no batcher has its key: start one with it until it is done`
    await raiseAlarm(batcher.db, { kind: "signer_missing", subject, ledgerId: null, message })
    const givenUp = await giveUpOrphans(desk, key, { orphanMs: batcher.limits.orphanMs, at: batcher.now() })
    if (givenUp > 0)
      batcher.logger.warn(
        { signer: address, batches: givenUp },
        "batches of a signer that is gone get other nonces",
      )
  }
}
