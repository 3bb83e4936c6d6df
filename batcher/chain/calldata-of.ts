import type { Kysely } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { unreachable } from "../../platform/errors.ts"
import { readSignedRoot } from "../store/open-anchors.ts"
import { readDeltas } from "../store/open-batches.ts"
import type { OpenCall } from "../store/open-call.ts"
import { encodeAnchor } from "./encode-anchor.ts"
import { encodeBatch } from "./encode-batch.ts"

/**
 * What is sent for a call: nothing but what was sealed or signed for it, read anew each time.
 * @throws ChainBridgeError BATCH_ALTERED, CHECKPOINT_ALTERED
 */
export async function calldataOf(db: Kysely<Database>, call: OpenCall): Promise<Hex> {
  switch (call.kind) {
    case "batch":
      return encodeBatch(call, await readDeltas(db, call))
    case "anchor":
      return encodeAnchor(call, await readSignedRoot(db, call))
    default:
      return unreachable(call)
  }
}
