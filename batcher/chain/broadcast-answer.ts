import { unreachable } from "../../platform/errors.ts"
import type { BroadcastAnswer } from "../../platform/rpc/chain-client.ts"
import type { RpcFault } from "../../platform/rpc/rpc-fault.ts"

/** What one endpoint's answer to eth_sendRawTransaction can mean. */
export type BroadcastMeaning =
  /** The node took the transaction. Whether it is ever mined is for receipts to say. */
  | "accepted"
  /** The node has these very bytes already: an earlier broadcast of ours arrived, perhaps one whose answer was lost. Of the other transactions of the nonce it says nothing. */
  | "known"
  /** The nonce is used up: by this transaction, or another one that we made for the nonce, mined while we were not looking; or by a foreign one. The receipts tell. */
  | "nonce_too_low"
  /**
   * The node holds another transaction with this nonce, and these bytes do not offer enough more to take its place. Where we have made one transaction only, somebody else has
   * the key. Where we have made several, it may be an earlier one, which this node lets nobody replace for 12.5 % more; or a later one, which another process of ours
   * saved and sent while this one was asleep.
   */
  | "contested"
  /** The offered fees are below what the node takes now. The base fee may come down; the bytes stay valid. */
  | "underpriced"
  /** The signer cannot pay gas limit × fee cap. Nothing is wrong with the transaction. */
  | "insufficient_funds"
  /** The request left and no answer came that can be read: the node may have the transaction or not. */
  | "unknown"
  /** No connection was made: the node has not got it from us. */
  | "not_sent"
  /** The node will not have it, for a reason of its own. */
  | "refused"

export function meaningOf(answer: BroadcastAnswer): BroadcastMeaning {
  return answer.answer === "accepted" ? "accepted" : meaningOfFault(answer.fault)
}

function meaningOfFault(fault: RpcFault): BroadcastMeaning {
  switch (fault.kind) {
    // A timeout after the request was sent, a connection that broke half way: the node may have read all of it.
    case "timeout":
    case "unreachable":
      return fault.mayHaveArrived ? "unknown" : "not_sent"
    // 502 or 504: the proxy in front gave up waiting, the node behind it may be done. 500, 503, 429: probably refused before the node, nobody promises it.
    case "http_status":
      return fault.mayHaveArrived ? "unknown" : "not_sent"
    // An HTML page with status 200 comes from a proxy, a login wall or a maintenance page; what stands behind it may have passed the request on.
    case "not_json_rpc":
    case "too_long":
      return fault.mayHaveArrived ? "unknown" : "not_sent"
    case "wrong_chain":
    case "circuit_open":
    case "rate_limited":
      return "not_sent"
    case "rpc_error":
      return meaningOfMessage(fault.rpcMessage ?? "")
    default:
      return unreachable(fault.kind)
  }
}

// Nodes agree on no codes here, only the words tell. The order matters: "replacement transaction underpriced" holds "underpriced" too.
const messages: readonly (readonly [RegExp, BroadcastMeaning])[] = [
  // geth, anvil, besu, erigon, nethermind and their relatives, each in its own words, about the same hash.
  [
    /already known|already imported|\bknown transaction|alreadyknown|already_exists|existing tx with same hash/i,
    "known",
  ],
  // "Replacement" says that the node compared fees with another transaction of this nonce.
  [/replacement|replace existing|another transaction with same nonce|ownnoncealreadyused/i, "contested"],
  // Also said for a moment by a node that has just mined our own transaction.
  [/nonce.{0,20}too low|nonce is too low|oldnonce|noncetoolow|below.{0,20}nonce/i, "nonce_too_low"],
  [/insufficient ?funds|insufficient balance|upfront cost exceeds/i, "insufficient_funds"],
  [
    /underpriced|fee too low|feetoolow|less than block base fee|below.{0,20}(base fee|minimum)|gas price.{0,20}too low/i,
    "underpriced",
  ],
  // A timeout inside the node or its proxy, reported as JSON-RPC: as unclear as one of HTTP.
  [/timeout|timed out|deadline exceeded/i, "unknown"],
]

function meaningOfMessage(message: string): BroadcastMeaning {
  return messages.find(([pattern]) => pattern.test(message))?.[1] ?? "refused"
}

/** What all the endpoints' answers together mean for the transaction. */
export type BroadcastVerdict =
  /** At least one node has it or may have it. */
  | { readonly verdict: "out" }
  /** The nonce is used up; receipts decide by what. */
  | { readonly verdict: "nonce_used" }
  /** A node holds another transaction of the nonce: a foreign one unless we have made several. See {@link isForeign}. */
  | { readonly verdict: "contested"; readonly message: string }
  /** No node has it. The same bytes are tried again later. */
  | {
      readonly verdict: "held_back"
      readonly message: string
      readonly isUnderfunded: boolean
      readonly isRefused: boolean
    }

/**
 * The most telling answer wins: a node that has the transaction outweighs any that refuses it, and as long as one may have it, nobody may act as if none had.
 */
export function judgeBroadcast(answers: readonly BroadcastAnswer[]): BroadcastVerdict {
  const meanings = new Map<BroadcastMeaning, string>()
  for (const answer of answers) {
    meanings.set(meaningOf(answer), answer.answer === "fault" ? answer.fault.message : "accepted")
  }
  if (meanings.has("accepted") || meanings.has("known")) return { verdict: "out" }
  if (meanings.has("nonce_too_low")) return { verdict: "nonce_used" }
  const contested = meanings.get("contested")
  if (contested !== undefined) return { verdict: "contested", message: contested }
  if (meanings.has("unknown")) return { verdict: "out" }
  return {
    verdict: "held_back",
    message: [...meanings.values()].join("; "),
    isUnderfunded: meanings.has("insufficient_funds"),
    isRefused: meanings.has("refused"),
  }
}

/**
 * Whether a contested nonce tells of somebody else with our key. Where several transactions of ours are saved for it, nobody can say which the node holds: then the chain decides. Should
 * it mine a foreign one, none of ours ever gets a receipt, and that is noticed.
 * @param ownTransactions how many we have saved for the nonce, counted after the answer: a later one may be what the node holds
 */
export function isForeign(judged: BroadcastVerdict, ownTransactions: number): boolean {
  return judged.verdict === "contested" && ownTransactions <= 1
}
