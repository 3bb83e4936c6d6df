import type { LogPlace } from "../queries/chain-transfers.ts"
import { type Refusal, refuse } from "../refusal.ts"

/** Where the next page of a list of several sources goes on. */
export type PageKey = {
  /** What the ledger recorded after this position is no part of the list, which so stays what it was when it was begun. */
  readonly throughPosition: bigint
  /** Ledger rows below this position. */
  readonly belowPosition: bigint
  /** Logs before this place, by chain. A chain that is not named has no part in the list. */
  readonly chains: ReadonlyMap<bigint, LogPlace>
}

export const pageKeyPattern = /^[\w-]{1,2000}$/

const form = /^transactions:(\d{1,18}):(\d{1,18})((?:,\d{1,18}-\d{1,18}-\d{1,9})*)$/

export function encodePageKey({ throughPosition, belowPosition, chains }: PageKey): string {
  const places = [...chains].map(
    ([chainId, { blockNumber, logIndex }]) => `,${chainId}-${blockNumber}-${logIndex}`,
  )
  const text = `transactions:${throughPosition}:${belowPosition}${places.join("")}`
  return Buffer.from(text).toString("base64url")
}

export function decodePageKey(text: string): PageKey | Refusal {
  const match = form.exec(Buffer.from(text, "base64url").toString())
  const [, through = "", below = "", places = ""] = match ?? []
  if (match === null) {
    return refuse(
      "INVALID_CURSOR",
      "page_key",
      "pass pagination.page_key of the previous page, unchanged, or leave it out to start again",
    )
  }
  const chains = places
    .split(",")
    .filter((place) => place !== "")
    .map((place): [bigint, LogPlace] => {
      const [chainId = "", blockNumber = "", logIndex = ""] = place.split("-")
      return [BigInt(chainId), { blockNumber: BigInt(blockNumber), logIndex: Number(logIndex) }]
    })
  return { throughPosition: BigInt(through), belowPosition: BigInt(below), chains: new Map(chains) }
}
