import { BlockNotFoundError, type Hex } from "viem"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { claimBatches, nextClaimAt } from "../store/claims.ts"
import { loadOpenBatches } from "../store/open-batches.ts"
import type { OpenCall } from "../store/open-call.ts"
import { readConfirmedThrough } from "../store/untold.ts"
import { advanceCall } from "./advance-call.ts"
import type { DeskTurn } from "./desk-turn.ts"
import { followCall, noteMined, type Receipt, readReceiptOf } from "./follow-call.ts"
import { takeCalls } from "./take-calls.ts"

const receiptsAtOnce = 16
// So many are claimed, simulated at once and sent, before the next ones are: other signers find some too.
const claimedAtOnce = 8
const takingMsMax = 250

type WithLease = <Result>(
  turn: DeskTurn,
  call: OpenCall,
  step: () => Promise<Result>,
) => Promise<Result | undefined>

/** Follows what is sent, and takes on what is not, as far as the signer has room. */
export async function workOnCalls(
  turn: DeskTurn,
  calls: readonly OpenCall[],
  options: { readonly isSameHead: boolean; readonly withLease: WithLease },
): Promise<{ readonly inFlight: number; readonly taken: number; readonly nextRetryMs: number }> {
  const { batcher, signer } = turn
  const { limits } = batcher
  const { withLease } = options
  const followed = await findFollowed(turn, calls, options.isSameHead)
  const receipts = await readReceipts(turn, followed)
  const mined = await noteMined(turn, receipts)
  for (const call of followed) {
    if (mined.has(call)) continue
    const receipt = receipts.get(call) ?? null
    await withLease(turn, call, () => followCall(turn, call, receipt))
  }
  // Nonces without bytes come next, whatever became of their lane: later ones of the signer wait for them.
  for (const call of calls) {
    if (call.nonce?.signer === signer.address && call.hashes.length === 0)
      await withLease(turn, call, () => advanceCall(turn, call))
  }
  const countInFlight = (kind: OpenCall["kind"]) =>
    calls.filter(
      (call) =>
        call.kind === kind &&
        call.nonce?.signer === signer.address &&
        call.state !== "mined" &&
        !receipts.get(call),
    ).length
  const batches = await takeBatches(turn, limits.signerInFlightMax - countInFlight("batch"), withLease)
  const anchors = await takeAnchors(
    turn,
    calls,
    limits.signerAnchorsInFlightMax - countInFlight("anchor"),
    withLease,
  )
  return {
    inFlight: countInFlight("batch") + countInFlight("anchor") + batches.taken + anchors.taken,
    taken: batches.taken + anchors.taken,
    nextRetryMs: Math.min(batches.nextRetryMs, anchors.nextRetryMs),
  }
}

type Taken = { readonly taken: number; readonly nextRetryMs: number }

async function takeBatches(turn: DeskTurn, room: number, withLease: WithLease): Promise<Taken> {
  const { batcher, desk, standing } = turn
  const { db, limits } = batcher
  if (standing.isRetired || standing.isEmpty) return { taken: 0, nextRetryMs: Number.POSITIVE_INFINITY }
  const tokenIds = await turn.roles.check(standing)
  let taken = 0
  const begunMs = performance.now()
  while (taken < room && !turn.purse.isShort()) {
    const now = batcher.now()
    // What was mined meanwhile makes room for the lanes, which want to seal before this signer is full.
    if (taken > 0 && performance.now() - begunMs > takingMsMax) return { taken, nextRetryMs: now.getTime() }
    const limit = Math.min(claimedAtOnce, room - taken)
    const claimed = await claimBatches(desk, { tokenIds, limit, claimMs: limits.leaseMs, now })
    if (claimed === 0) break
    const calls = await loadOpenBatches(db, desk.signer, {
      limit: limits.deskPageBatches,
      onlyClaimedAt: now,
    })
    const due = calls.filter((call) => tokenIds.includes(call.tokenId))
    const callable = await withCode(turn, due.slice(0, limit))
    const count = await takeCalls(turn, callable, (call, step) => withLease(turn, call, step))
    // Those that could not be taken wait for their time, and say why.
    if (count === 0) break
    taken += count
  }
  const nextAt = await nextClaimAt(db, desk.signer, tokenIds, batcher.now())
  return { taken, nextRetryMs: nextAt?.getTime() ?? Number.POSITIVE_INFINITY }
}

/** Without those whose contract the chain has lost: the next turn's look at the contracts says so. */
async function withCode<Call extends OpenCall>({ reads }: DeskTurn, calls: readonly Call[]): Promise<Call[]> {
  const found = await Promise.all(calls.map(({ to }) => reads.hasCode(to)))
  return calls.filter((_, index) => found[index] === true)
}

async function takeAnchors(
  turn: DeskTurn,
  calls: readonly OpenCall[],
  room: number,
  withLease: WithLease,
): Promise<Taken> {
  const nowMs = turn.batcher.now().getTime()
  let taken = 0
  let nextRetryMs = Number.POSITIVE_INFINITY
  for (const call of calls) {
    if (call.kind !== "anchor" || call.nonce !== null || turn.standing.isRetired) continue
    const retryAtMs = call.retryAt?.getTime() ?? 0
    if (retryAtMs > nowMs) nextRetryMs = Math.min(nextRetryMs, retryAtMs)
    else if (taken < room) taken += await takeCalls(turn, [call], (one, step) => withLease(turn, one, step))
  }
  return { taken, nextRetryMs }
}

/**
 * What is saved, without what is mined in a block that is still the chain's. A receipt is one endpoint's word: where the block is confirmed and the call is not, the block's logs do not have it, and the
 * receipt is looked for again.
 */
async function findFollowed(
  { batcher, desk, client }: DeskTurn,
  calls: readonly OpenCall[],
  isSameHead: boolean,
): Promise<OpenCall[]> {
  const saved = calls.filter((call) => call.hashes.length > 0)
  const mayBeUntold = !isSameHead && saved.some(({ state }) => state === "mined")
  const through = mayBeUntold ? await readConfirmedThrough(batcher.db, desk.signer.chainId) : -1n
  const blocks = new Map<bigint, Promise<Hex | null>>()
  const isStillMined = async ({ state, blockNumber, blockHash }: OpenCall) => {
    if (state !== "mined" || blockNumber === null) return false
    if (isSameHead) return true
    if (blockNumber <= through) return false
    const hash = blocks.get(blockNumber) ?? readBlockHash(client, blockNumber)
    blocks.set(blockNumber, hash)
    return (await hash) === blockHash
  }
  const isMined = await Promise.all(saved.map(isStillMined))
  return saved.filter((_, index) => isMined[index] !== true)
}

async function readBlockHash(client: ChainClient, blockNumber: bigint): Promise<Hex | null> {
  try {
    return (await client.reads.getBlock({ blockNumber })).hash
  } catch (error) {
    if (error instanceof BlockNotFoundError) return null
    throw error
  }
}

/** A nonce that the newest block does not count has no receipt yet: nobody is asked for it. */
async function readReceipts(
  { client, reads }: DeskTurn,
  calls: readonly OpenCall[],
): Promise<Map<OpenCall, Receipt>> {
  const receipts = new Map<OpenCall, Receipt>()
  for (let start = 0; start < calls.length; start += receiptsAtOnce) {
    await Promise.all(
      calls.slice(start, start + receiptsAtOnce).map(async (call) => {
        if (call.nonce === null || call.nonce.value >= (await reads.latestCount(call.nonce.signer as Hex)))
          return
        const receipt = await readReceiptOf(client, call.hashes)
        if (receipt !== null) receipts.set(call, receipt)
      }),
    )
  }
  return receipts
}

/** The order of the nonces, and behind them what has none yet: batches before anchors. */
export function inOrder(calls: readonly OpenCall[]): OpenCall[] {
  return [...calls].sort((a, b) => {
    if (a.nonce === null || b.nonce === null) return Number(a.nonce === null) - Number(b.nonce === null)
    return a.nonce.value < b.nonce.value ? -1 : 1
  })
}
