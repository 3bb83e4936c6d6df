import { ReplayFault } from "./replay-fault.ts"

export type Change = { readonly accountId: bigint; readonly amount: bigint }
export type Changes = readonly (readonly [position: bigint, Change])[]

/** An account's changes are in a batch all together or not at all. */
export type BatchAccount = {
  readonly changes: Changes
  /** `held`: sealed, and not settled. `deferred`: they left the batch, whatever became of them since. */
  state: "held" | "settled" | "deferred"
}

export type ReplayedBatch = {
  readonly accounts: ReadonlyMap<bigint, BatchAccount>
  /** The confirmation that stands. */
  confirmedPosition: bigint | null
}

/** By sequence. A batch that holds nothing any more is kept as text, a third of the size: only a revocation asks for it again. */
export type ReplayedBatches = Map<bigint, ReplayedBatch | string>

/** @returns the batch as it stands; to change it, see {@link changeBatch} */
export function readBatch(batches: ReplayedBatches, sequence: bigint): ReplayedBatch | undefined {
  const kept = batches.get(sequence)
  return typeof kept === "string" ? unpack(kept) : kept
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
  const isDone =
    batch.confirmedPosition !== null && [...batch.accounts.values()].every(({ state }) => state !== "held")
  batches.set(sequence, isDone ? pack(batch) : batch)
}

/** @throws ReplayFault when the batch never had the account */
export function batchAccountOf(batch: ReplayedBatch, batchSequence: number, accountId: number): BatchAccount {
  const account = batch.accounts.get(BigInt(accountId))
  if (account === undefined) throw new ReplayFault(`account ${accountId} is not in batch ${batchSequence}`)
  return account
}

export function sumOf(changes: Changes): bigint {
  return changes.reduce((total, [, change]) => total + change.amount, 0n)
}

type Packed = readonly [
  confirmedPosition: string | null,
  accounts: readonly (readonly [id: string, state: BatchAccount["state"], ...changes: string[]])[],
]

function pack({ confirmedPosition, accounts }: ReplayedBatch): string {
  const packed: Packed = [
    confirmedPosition === null ? null : confirmedPosition.toString(),
    [...accounts].map(([id, { state, changes }]) => [
      id.toString(),
      state,
      ...changes.flatMap(([position, { amount }]) => [position.toString(), amount.toString()]),
    ]),
  ]
  return JSON.stringify(packed)
}

function unpack(text: string): ReplayedBatch {
  const [confirmedPosition, accounts] = JSON.parse(text) as Packed
  return {
    confirmedPosition: confirmedPosition === null ? null : BigInt(confirmedPosition),
    accounts: new Map(
      accounts.map(([id, state, ...texts]) => {
        const accountId = BigInt(id)
        const numbers = texts.map(BigInt)
        const changes = numbers.flatMap((position, index): (readonly [bigint, Change])[] =>
          index % 2 === 0 ? [[position, { accountId, amount: numbers[index + 1] ?? 0n }]] : [],
        )
        return [accountId, { state, changes }]
      }),
    ),
  }
}
