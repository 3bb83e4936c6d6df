import type { Kysely } from "kysely"
import type { Hex } from "viem"
import { encodeCancel } from "../../ledger/domain/encode-cancel.ts"
import type { Database } from "../../ledger/store/database.ts"
import { unreachable } from "../../platform/errors.ts"
import { readSignedRoot } from "../store/open-anchors.ts"
import { readDeltas } from "../store/open-batches.ts"
import type { OpenCall } from "../store/open-call.ts"
import { encodeAnchor } from "./encode-anchor.ts"
import { encodeBatch } from "./encode-batch.ts"

/** What takes the id of a batch that is being cancelled out of use; null for every other call. */
export function cancelCalldataOf(call: OpenCall): Hex | null {
  return call.kind === "batch" && call.isCancelling ? encodeCancel(call.batchId) : null
}

/**
 * What is sent for a call: nothing but what was sealed or signed for it, read anew each time.
 * @throws ChainBridgeError BATCH_ALTERED, CHECKPOINT_ALTERED
 */
export async function calldataOf(db: Kysely<Database>, call: OpenCall): Promise<Hex> {
  switch (call.kind) {
    case "batch":
      return cancelCalldataOf(call) ?? encodeBatch(call, await readDeltas(db, call))
    case "anchor":
      return encodeAnchor(call, await readSignedRoot(db, call))
    default:
      return unreachable(call)
  }
}
