import { type Hex, keccak256 } from "viem"
import { unreachable } from "../../platform/errors.ts"
import { type Fees, offeredPerGas } from "../domain/fees.ts"
import { markBatchesSimulated } from "../store/batch-moves.ts"
import { markSimulated } from "../store/call-moves.ts"
import { releaseClaims } from "../store/claims.ts"
import type { OpenBatch, OpenCall } from "../store/open-call.ts"
import { reserveNonces } from "../store/signers.ts"
import { saveTransactions } from "../store/transactions.ts"
import { noteUnderfunded, offer, type Simulated, simulate } from "./advance-call.ts"
import type { DeskTurn } from "./desk-turn.ts"
import { isTrouble } from "./fail-call.ts"
import { sendCalls } from "./send-call.ts"
import { signCall } from "./sign-call.ts"

/** Does a step for one call: see guardCall. */
export type Guard = <Result>(call: OpenCall, step: () => Promise<Result>) => Promise<Result | undefined>

type Ready<Call extends OpenCall> = Simulated & { readonly call: Call; readonly fees: Fees }

/**
 * Takes calls that have no nonce to their transactions being sent: simulated all at once, and then each step for all of them in one commit, in their order. What was simulated in an earlier
 * turn is so anew: it is out of date by now.
 * @param calls of one kind
 * @returns how many hold a nonce now
 */
export async function takeCalls<Call extends OpenCall>(
  turn: DeskTurn,
  calls: readonly Call[],
  guard: Guard,
): Promise<number> {
  const simulated = await together(await simulateAll(turn, calls, guard), guard, (ready) => mark(turn, ready))
  const affordable = await setAside(turn, simulated)
  const reserved = await together(affordable, guard, (ready) => reserve(turn, ready))
  const signed = await signAll(turn, reserved, guard)
  const saved = await together(signed, guard, (some) => save(turn, some))
  await sendCalls(
    turn,
    saved.map(({ call }) => call),
  )
  return reserved.length
}

async function simulateAll<Call extends OpenCall>(
  turn: DeskTurn,
  calls: readonly Call[],
  guard: Guard,
): Promise<Ready<Call>[]> {
  const simulations = await Promise.allSettled(
    calls.map((call) =>
      guard(call, async (): Promise<Ready<Call> | null> => {
        // A nonce that is taken before the chain takes what we may offer would keep every later one waiting.
        const fees = await offer(turn, call)
        if (fees === null) return null
        const simulated = await simulate(turn, call)
        return simulated === null ? null : { ...simulated, call, fees }
      }),
    ),
  )
  return simulations.flatMap((simulation) => {
    if (simulation.status === "rejected") throw simulation.reason
    return simulation.value ?? []
  })
}

/** What is wrong with one of them keeps none of the others: then each goes by itself. */
async function together<Item extends { readonly call: OpenCall }, Result>(
  items: readonly Item[],
  guard: Guard,
  work: (items: readonly Item[]) => Promise<Result[]>,
): Promise<Result[]> {
  if (items.length > 1) {
    try {
      return await work(items)
    } catch (error) {
      if (isTrouble(error)) throw error
    }
  }
  const results: Result[] = []
  for (const item of items) results.push(...((await guard(item.call, () => work([item]))) ?? []))
  return results
}

async function mark<Call extends OpenCall>(
  turn: DeskTurn,
  ready: readonly Ready<Call>[],
): Promise<Ready<Call>[]> {
  const { desk, batcher } = turn
  const batches = ready.flatMap(({ call, gas }) => (isBatch(call) ? [{ ...call, gas }] : []))
  const moved = new Set(
    (batches.length === 0 ? [] : await markBatchesSimulated(desk, batches)).map(({ batchId }) => batchId),
  )
  const marked: Ready<Call>[] = []
  for (const one of ready) {
    const { call, gas } = one
    const isMarked = call.kind === "batch" ? moved.has(call.batchId) : await markSimulated(desk, call, gas)
    if (!isMarked) continue
    await batcher.step("simulated")
    marked.push({ ...one, call: { ...call, state: "simulated", gasLimit: gas.limit } })
  }
  return marked
}

function isBatch(call: OpenCall): call is OpenBatch {
  return call.kind === "batch"
}

/** Only what the signer can pay for gets a nonce: one that no node takes would keep all later ones waiting. */
async function setAside<Call extends OpenCall>(
  turn: DeskTurn,
  simulated: readonly Ready<Call>[],
): Promise<Ready<Call>[]> {
  const affordable: Ready<Call>[] = []
  for (const ready of simulated) {
    const outcome = await turn.purse.take(ready.gas.limit * offeredPerGas(ready.fees))
    switch (outcome) {
      case "taken":
        affordable.push(ready)
        break
      case "empty":
        await noteUnderfunded(turn, ready.call)
        return affordable
      case "later":
        // Another signer need not wait for this one's coins.
        await releaseClaims(turn.batcher.db, turn.desk.signer)
        return affordable
      default:
        return unreachable(outcome)
    }
  }
  return affordable
}

type Reserved<Call extends OpenCall> = Ready<Call> & { readonly nonce: bigint }

async function reserve<Call extends OpenCall>(
  { desk, batcher, signer }: DeskTurn,
  ready: readonly Ready<Call>[],
): Promise<Reserved<Call>[]> {
  const reservedAt = batcher.now()
  const calls = ready.map(({ call }) => call)
  const nonces = calls.length === 0 ? [] : await reserveNonces(desk, calls, reservedAt)
  const reserved: Reserved<Call>[] = []
  for (const [index, one] of ready.entries()) {
    const value = nonces[index] ?? null
    if (value === null) continue
    await batcher.step("reserved")
    const nonce = { signer: signer.address, value, reservedAt }
    reserved.push({ ...one, nonce: value, call: { ...one.call, nonce } })
  }
  return reserved
}

type Signed<Call extends OpenCall> = Reserved<Call> & { readonly raw: Hex; readonly hash: Hex }

/** One that is not signed now keeps its nonce and is signed with the next turn. */
async function signAll<Call extends OpenCall>(
  turn: DeskTurn,
  reserved: readonly Reserved<Call>[],
  guard: Guard,
): Promise<Signed<Call>[]> {
  const { signer, desk, batcher } = turn
  const signed: Signed<Call>[] = []
  for (const one of reserved) {
    const raw = await guard(one.call, () => signCall(signer, transactionOf(one, desk.signer.chainId)))
    if (raw === undefined) continue
    await batcher.step("signed")
    signed.push({ ...one, raw, hash: keccak256(raw) })
  }
  return signed
}

function transactionOf<Call extends OpenCall>(
  { call, nonce, data, gas, fees }: Reserved<Call>,
  chainId: bigint,
) {
  return { chainId, nonce, to: call.to, data, gasLimit: gas.limit, ...fees }
}

async function save<Call extends OpenCall>(
  { desk, batcher }: DeskTurn,
  signed: readonly Signed<Call>[],
): Promise<{ readonly call: Call }[]> {
  const savedAt = batcher.now()
  const { chainId } = desk.signer
  const isSaved = await saveTransactions(
    desk,
    signed.map((one) => ({
      key: one.call,
      call: transactionOf(one, chainId),
      isCancellation: one.call.kind === "batch" && one.call.isCancelling,
      raw: one.raw,
      savedAt,
    })),
  )
  const saved: { readonly call: Call }[] = []
  for (const [index, { call, hash }] of signed.entries()) {
    // The nonce has bytes already, from a save whose answer we lost: the next turn finds and sends those.
    if (isSaved[index] !== true) continue
    await batcher.step("saved")
    saved.push({ call: { ...call, state: "signed", hashes: [hash] } })
  }
  return saved
}
