import { recordAction } from "../../ledger/store/record-action.ts"
import {
  type CancelRequest,
  ledgerOfBatch,
  requestCancellation,
} from "../../ledger/store/request-cancellation.ts"
import { ChainBridgeError, unreachable } from "../../platform/errors.ts"
import { commandInitiator } from "./command-initiator.ts"
import { withDatabase } from "./open-database.ts"

/** `chainbridge batches cancel`: has the batcher take a batch's id out of use on the chain. */
export async function cancelBatchCommand(
  batchId: string,
  options: { readonly dataDir: string; readonly reason: string },
): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const id = batchId.toLowerCase()
    const ledgerId = await ledgerOfBatch(db, id)
    if (ledgerId === undefined) throw new ChainBridgeError("UNKNOWN_BATCH", `there is no batch ${batchId}`)
    const result = await db.transaction().execute(async (trx) => {
      const asked = await requestCancellation(trx, {
        ...{ ledgerId, batchId: id, reason: options.reason },
        ...{ requestedBy: "operator", at: new Date() },
      })
      if (!("refused" in asked) && asked.isNew)
        await recordAction(trx, {
          ...commandInitiator(),
          ledgerId,
          action: "batch.cancel_requested",
          subject: id,
          before: { state: asked.state },
          after: { state: "cancelling", reason: asked.reason },
        })
      return asked
    })
    if ("refused" in result) throw refusalOf(id, result)
    process.stdout.write(`batch ${id} ${describe(result)}\n`)
  })
}

function describe({ isNew, requestedAt, reason, state }: CancelRequest): string {
  if (isNew) return "is being cancelled; what was sent for it before may still settle it"
  const asked = `${requestedAt.toISOString()}: ${reason}`
  const isOver = state === "cancelled" || state === "confirmed" || state === "dead_letter"
  return isOver ? `is ${state}; it was to be cancelled since ${asked}` : `is being cancelled since ${asked}`
}

function refusalOf(
  id: string,
  result: Extract<Awaited<ReturnType<typeof requestCancellation>>, { refused: string }>,
): ChainBridgeError {
  const { refused } = result
  switch (refused) {
    case "UNKNOWN_BATCH":
      return new ChainBridgeError(refused, `there is no batch ${id}`)
    case "BATCH_NOT_CANCELLABLE":
      return new ChainBridgeError(refused, `batch ${id} is ${result.state} and cannot be cancelled`)
    case "CANCELLATION_UNSUPPORTED":
      return new ChainBridgeError(
        refused,
        `the token of batch ${id} is settled by ${result.settlementMode} and knows no ids that could be taken out of use`,
      )
    default:
      return unreachable(refused)
  }
}
