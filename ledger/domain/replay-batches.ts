import { ReplayFault } from "./replay-fault.ts"

/** An account's changes are in a batch all together or not at all. */
export type BatchAccount = {
  /** Of the changes that were sealed. */
  readonly positions: readonly number[]
  /** `held`: sealed, and not settled. `deferred`: they left the batch, whatever became of them since. */
  state: "held" | "settled" | "deferred"
}

export type ReplayedBatch = {
  readonly accounts: ReadonlyMap<bigint, BatchAccount>
  /** The confirmation that stands. */
  confirmedPosition: bigint | null
  /** Of the event that took it apart. */
  dissolvedPosition: bigint | null
  /** Of the event that says that its id is burnt, while that stands. */
  cancelledPosition: bigint | null
}

/** By sequence. A batch that holds nothing any more is kept packed, a few bytes for each change: only a revocation asks for it again. */
export type ReplayedBatches = Map<bigint, ReplayedBatch | Uint8Array>

/** @returns the batch as it stands; to change it, see {@link changeBatch} */
export function readBatch(batches: ReplayedBatches, sequence: bigint): ReplayedBatch | undefined {
  const kept = batches.get(sequence)
  return kept instanceof Uint8Array ? unpack(kept) : kept
}

/** @throws ReplayFault when there is no such batch */
export function changeBatch(
  batches: ReplayedBatches,
  batchSequence: number,
  change: (batch: ReplayedBatch) => void,
): void {
  const sequence = BigInt(batchSequence)
  const batch = readBatch(batches, sequence)
  if (batch === undefined) throw new ReplayFault(`batch ${batchSequence} was never sealed`)
  change(batch)
  const isOver =
    batch.confirmedPosition !== null || batch.dissolvedPosition !== null || batch.cancelledPosition !== null
  const isDone = isOver && [...batch.accounts.values()].every(({ state }) => state !== "held")
  batches.set(sequence, isDone ? pack(batch) : batch)
}

/** @throws ReplayFault when the batch never had the account */
export function batchAccountOf(batch: ReplayedBatch, batchSequence: number, accountId: number): BatchAccount {
  const account = batch.accounts.get(BigInt(accountId))
  if (account === undefined) throw new ReplayFault(`account ${accountId} is not in batch ${batchSequence}`)
  return account
}

const states = ["held", "settled", "deferred"] as const

/** Numbers, each as its difference from the one before it of its kind: seven bits a byte, the lowest first, the eighth set where more follow. */
function pack({
  confirmedPosition,
  dissolvedPosition,
  cancelledPosition,
  accounts,
}: ReplayedBatch): Uint8Array {
  const bytes: number[] = []
  // The lowest bit is the sign: accounts and positions may go back as well.
  const push = (difference: number) => {
    let rest = difference < 0 ? -difference * 2 - 1 : difference * 2
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
    bytes.push(rest)
  }
  push(confirmedPosition === null ? 0 : Number(confirmedPosition))
  push(dissolvedPosition === null ? 0 : Number(dissolvedPosition))
  push(cancelledPosition === null ? 0 : Number(cancelledPosition))
  push(accounts.size)
  let [lastId, lastPosition] = [0, 0]
  for (const [accountId, { state, positions }] of accounts) {
    const id = Number(accountId)
    push(id - lastId)
    push(states.indexOf(state))
    push(positions.length)
    lastId = id
    for (const position of positions) {
      push(position - lastPosition)
      lastPosition = position
    }
  }
  return Uint8Array.from(bytes)
}

function unpack(bytes: Uint8Array): ReplayedBatch {
  let offset = 0
  const next = (): number => {
    let [value, unit] = [0, 1]
    for (;;) {
      const byte = bytes[offset] ?? 0
      offset += 1
      value += (byte % 128) * unit
      unit *= 128
      if (byte < 128) return value % 2 === 1 ? -(value + 1) / 2 : value / 2
    }
  }
  const confirmed = next()
  const dissolved = next()
  const cancelled = next()
  const accounts = new Map<bigint, BatchAccount>()
  let [id, position] = [0, 0]
  for (let left = next(); left > 0; left -= 1) {
    id += next()
    const state = states[next()] ?? "held"
    const positions = Array.from({ length: next() }, () => {
      position += next()
      return position
    })
    accounts.set(BigInt(id), { positions, state })
  }
  return {
    confirmedPosition: confirmed === 0 ? null : BigInt(confirmed),
    dissolvedPosition: dissolved === 0 ? null : BigInt(dissolved),
    cancelledPosition: cancelled === 0 ? null : BigInt(cancelled),
    accounts,
  }
}
