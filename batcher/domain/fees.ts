/** What eth_feeHistory tells. Wei per gas. */
export type FeeHistory = {
  /** One more than the blocks asked for: the last one is that of the next block. */
  readonly baseFeePerGas: readonly bigint[]
  readonly blocks: readonly {
    /** What was used of its gas, of 1. */
    readonly fullness: number
    /** The tip below which a quarter of its gas paid, and half of it. */
    readonly tips: { readonly quarter: bigint; readonly half: bigint }
  }[]
}

/** What a transaction offers. Wei per gas. */
export type Fees =
  | { readonly type: "eip1559"; readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }
  | { readonly type: "legacy"; readonly gasPrice: bigint }

/** What the chain takes now: the base fee of the next block and the usual tip, or the usual gas price where there is no base fee. Wei per gas. */
export type Market =
  | { readonly type: "eip1559"; readonly baseFee: bigint; readonly tip: bigint }
  | { readonly type: "legacy"; readonly gasPrice: bigint }

export type FeePolicy = {
  /** What is added to the room for the base fee, for the time until a block has it. */
  readonly bufferPercent: number
  /** The most that is ever offered for a unit of gas; null: no such limit. */
  readonly maxFeePerGas: bigint | null
  /** Of a replacement that is to be mined instead of the last transaction, and not sooner: how much more than the market that one offers does not matter. */
  readonly mayOutbid?: boolean
}

export type OfferDecision =
  | { readonly fees: Fees }
  /** A transaction that offers as much as we may would wait for nothing. */
  | { readonly refused: "MARKET_ABOVE_MAX_FEE"; readonly marketPerGas: bigint; readonly maxFeePerGas: bigint }

export type RaiseDecision =
  | OfferDecision
  /** What a node takes for a replacement is more than we may offer. */
  | { readonly refused: "RAISE_ABOVE_MAX_FEE"; readonly raisedPerGas: bigint; readonly maxFeePerGas: bigint }
  /** The last transaction offers far more than the chain asks already: fees are not what it waits for. */
  | { readonly refused: "OUTBIDS_MARKET" }

const tipMin = 1_000_000n

// Times the market's offer. From there on another 12.5 % buys nothing, and the tip would be paid.
const outbidFactor = 4n

// A block that is as full has no room for a transaction of a usual size.
const fullFrom = 0.9

/**
 * The usual tip of the recent blocks on the base fee of the next one. Where a block had room, what the cheaper part of it paid was enough, whatever others gave away; only in a full one transactions
 * compete. A block without any says nothing.
 */
export function marketFrom(history: FeeHistory): Extract<Market, { type: "eip1559" }> {
  const tips = history.blocks
    .filter(({ fullness, tips: { half } }) => fullness > 0 && half > 0n)
    .map(({ fullness, tips: { quarter, half } }) => (fullness < fullFrom ? quarter : half))
    .sort((a, b) => (a < b ? -1 : 1))
  const median = tips[Math.floor(tips.length / 2)] ?? tipMin
  const tip = median > tipMin ? median : tipMin
  return { type: "eip1559", baseFee: history.baseFeePerGas.at(-1) ?? 0n, tip }
}

/**
 * What to offer for the next blocks: the usual tip, and room for the base fee to double and the buffer on top; only the base fee and the tip are paid, so room costs nothing. A tip and a gas price are
 * paid in full: with something on top, ours would be the usual one of the next blocks, on a chain on which nobody else sends much, and grow by that for ever. Where they do not suffice, they are raised.
 */
export function offerFor(market: Market, policy: FeePolicy): OfferDecision {
  const offer = uncappedOffer(market, policy.bufferPercent)
  const { maxFeePerGas } = policy
  if (maxFeePerGas === null) return { fees: offer }
  const marketPerGas = askedNow(market)
  if (marketPerGas > maxFeePerGas) return { refused: "MARKET_ABOVE_MAX_FEE", marketPerGas, maxFeePerGas }
  return { fees: capped(offer, maxFeePerGas) }
}

/**
 * What a replacement of a transaction has to offer: an eighth more in every respect, which is what the strictest nodes ask for, and no less than a new one would.
 */
export function raiseFees(last: Fees, market: Market, policy: FeePolicy): RaiseDecision {
  const asked = offerFor(asTypeOf(last, market), policy)
  if ("refused" in asked) return asked
  const raised = outbidFees(last)
  const { maxFeePerGas } = policy
  if (maxFeePerGas !== null && offeredPerGas(raised) > maxFeePerGas)
    return { refused: "RAISE_ABOVE_MAX_FEE", raisedPerGas: offeredPerGas(raised), maxFeePerGas }
  const outbid = mapFees(asked.fees, (amount) => amount * outbidFactor)
  if (policy.mayOutbid !== true && isAtLeast(last, outbid)) return { refused: "OUTBIDS_MARKET" }
  return { fees: highest(raised, asked.fees) }
}

/** The least that takes the place of these. */
export function outbidFees(last: Fees): Fees {
  return mapFees(last, raisedByAnEighth)
}

/** Whether the next block may take a transaction with these fees. */
export function coversMarket(fees: Fees, market: Market): boolean {
  return offeredPerGas(fees) >= (market.type === "legacy" ? market.gasPrice : market.baseFee)
}

/** The most that a unit of gas may cost. */
export function offeredPerGas(fees: Fees): bigint {
  return fees.type === "legacy" ? fees.gasPrice : fees.maxFeePerGas
}

function uncappedOffer(market: Market, bufferPercent: number): Fees {
  const buffered = (amount: bigint) => (amount * BigInt(100 + bufferPercent)) / 100n
  if (market.type === "legacy") return { type: "legacy", gasPrice: market.gasPrice }
  return {
    type: "eip1559",
    maxFeePerGas: buffered(market.baseFee * 2n) + market.tip,
    maxPriorityFeePerGas: market.tip,
  }
}

function askedNow(market: Market): bigint {
  return market.type === "legacy" ? market.gasPrice : market.baseFee + market.tip
}

/** A chain may change its ways between two transactions of a nonce; the second is of the first one's type all the same. */
function asTypeOf(last: Fees, market: Market): Market {
  if (last.type === market.type) return market
  return market.type === "eip1559"
    ? { type: "legacy", gasPrice: askedNow(market) }
    : { type: "eip1559", baseFee: market.gasPrice, tip: tipMin }
}

function raisedByAnEighth(amount: bigint): bigint {
  return amount + (amount + 7n) / 8n + (amount === 0n ? 1n : 0n)
}

function capped(fees: Fees, max: bigint): Fees {
  return mapFees(fees, (amount) => (amount < max ? amount : max))
}

function mapFees(fees: Fees, map: (amount: bigint) => bigint): Fees {
  return fees.type === "legacy"
    ? { type: "legacy", gasPrice: map(fees.gasPrice) }
    : {
        type: "eip1559",
        maxFeePerGas: map(fees.maxFeePerGas),
        maxPriorityFeePerGas: map(fees.maxPriorityFeePerGas),
      }
}

/** The tip of either is at most its own maximum, so the higher tip is at most the higher maximum. */
function highest(a: Fees, b: Fees): Fees {
  const higher = (first: bigint, second: bigint) => (first > second ? first : second)
  if (a.type === "legacy")
    return { type: "legacy", gasPrice: higher(a.gasPrice, b.type === "legacy" ? b.gasPrice : 0n) }
  if (b.type === "legacy") return a
  return {
    type: "eip1559",
    maxFeePerGas: higher(a.maxFeePerGas, b.maxFeePerGas),
    maxPriorityFeePerGas: higher(a.maxPriorityFeePerGas, b.maxPriorityFeePerGas),
  }
}

function isAtLeast(a: Fees, b: Fees): boolean {
  if (a.type === "legacy") return b.type === "legacy" && a.gasPrice >= b.gasPrice
  if (b.type === "legacy") return false
  return a.maxFeePerGas >= b.maxFeePerGas && a.maxPriorityFeePerGas >= b.maxPriorityFeePerGas
}
