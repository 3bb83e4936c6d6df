import type { OpenCall } from "../store/open-call.ts"
import type { DeskTurn } from "./desk-turn.ts"

/** Who gets a nonce's transactions: where there is a private relay it alone, until they have waited as long as the operator lets them. */
export function audienceOf(
  { batcher, policy }: DeskTurn,
  { sentFirstAt }: Pick<OpenCall, "sentFirstAt">,
): "private" | "public" {
  const { privateRelayAloneMs } = policy
  if (privateRelayAloneMs === null) return "private"
  if (privateRelayAloneMs === 0) return "public"
  if (sentFirstAt === null) return "private"
  return batcher.now().getTime() - sentFirstAt.getTime() >= privateRelayAloneMs ? "public" : "private"
}
