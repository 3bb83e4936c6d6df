import { describe, expect, test } from "vitest"
import type { ChainLog, ChainLogOf } from "./chain-log.ts"
import {
  batchIdHex,
  type ConfirmedBatch,
  decideConfirmations,
  eventOfFinding,
  type OpenBatch,
  type Ownership,
} from "./decide-confirmations.ts"

const zero = `0x${"00".repeat(20)}`
const ann = `0x${"a1".repeat(20)}`
const bob = `0x${"b2".repeat(20)}`
const stranger = `0x${"5e".repeat(20)}`
const contentHash = `0x${"cc".repeat(32)}`
const contract = `0x${"70".repeat(20)}`

let logIndex = 0
const place = (transaction = 1) => ({
  chainId: 31_337,
  address: contract,
  blockNumber: 10n,
  blockHash: `0x${"bb".repeat(32)}`,
  blockTime: 1_700_000_000,
  transactionHash: `0x${transaction.toString(16).padStart(64, "0")}`,
  logIndex: logIndex++,
})
const transfer = (from: string, to: string, value: bigint, transaction?: number): ChainLog => ({
  ...place(transaction),
  kind: "Transfer",
  args: { from, to, value },
})
const settled = (batchId: bigint, transaction?: number, hash = contentHash): ChainLogOf<"BatchSettled"> => ({
  ...place(transaction),
  kind: "BatchSettled",
  args: { batchId, contentHash: hash, minted: 0n, burned: 0n },
})
const skipped = (batchId: bigint, account: string, amount: bigint, balance: bigint): ChainLog => ({
  ...place(),
  kind: "DebitSkipped",
  args: { batchId, account, amount, balance },
})

const batch = (sequence: bigint, overrides: Partial<OpenBatch> = {}): OpenBatch => ({
  ledgerId: "ledger",
  batchSequence: sequence,
  batchId: batchIdHex(sequence),
  contentHash,
  tokenId: 1,
  contract,
  counterparty: null,
  isDissolved: false,
  accounts: [
    { accountId: 1n, address: ann, delta: 5n, hasLeft: false },
    { accountId: 2n, address: bob, delta: -3n, hasLeft: false },
  ],
  ...overrides,
})

function ownership(
  batches: readonly (OpenBatch | "confirmed" | "cancelled")[] = [],
  ownTransactions: readonly number[] = [],
  byTransaction: Readonly<Record<number, OpenBatch | ConfirmedBatch>> = {},
): Ownership {
  const accounts = new Map([
    [ann, { ledgerId: "ledger", accountId: 1n, address: ann }],
    [bob, { ledgerId: "ledger", accountId: 2n, address: bob }],
  ])
  return {
    tokenId: 1,
    batchOf: (batchId) =>
      batches.find((known) =>
        typeof known === "string"
          ? batchId === batchIdHex(known === "confirmed" ? 99n : 98n)
          : known.batchId === batchId,
      ),
    batchOfTransaction: (hash) => byTransaction[Number(BigInt(hash))],
    accountOf: (address) => accounts.get(address),
    isOwnTransaction: (hash) => ownTransactions.some((own) => BigInt(hash) === BigInt(own)),
  }
}

describe("a transaction that settles", () => {
  test("confirms by what its transfers moved, not by what was planned", () => {
    const logs = [transfer(zero, ann, 4n), transfer(bob, zero, 3n), settled(1n)]
    expect(decideConfirmations(logs, ownership([batch(1n)]))).toEqual([
      {
        kind: "settled",
        log: logs[2],
        batch: batch(1n),
        moves: [
          { accountId: 1n, settled: 5n, amount: 4n },
          { accountId: 2n, settled: -3n, amount: -3n },
        ],
      },
    ])
  })

  test("defers the debits that it skipped and settles the rest", () => {
    const logs = [transfer(zero, ann, 5n), skipped(1n, bob, 3n, 2n), settled(1n)]
    expect(decideConfirmations(logs, ownership([batch(1n)]))).toMatchObject([
      { kind: "settled", moves: [{ accountId: 1n, settled: 5n, amount: 5n }] },
      { kind: "deferred", log: logs[1], debits: [{ accountId: 2n, net: -3n, chainBalance: 2n }] },
    ])
  })

  test.each([
    ["one account", [transfer(zero, ann, 5n), settled(1n)]],
    ["any account", [settled(1n)]],
    [
      "one account but in another batch",
      [transfer(bob, zero, 3n), settled(2n), transfer(zero, ann, 5n), settled(1n)],
    ],
  ])("credits nobody where no log tells what became of %s: the change would be lost", (_, logs) => {
    const second = batch(2n, { accounts: [{ accountId: 2n, address: bob, delta: -3n, hasLeft: false }] })
    const findings = decideConfirmations(logs, ownership([batch(1n), second]))
    expect(findings.at(-1)).toEqual({ kind: "altered_batch", log: logs.at(-1), batch: batch(1n) })
  })

  test("skips no debit on the word of another contract", () => {
    const logs = [
      transfer(zero, ann, 5n),
      transfer(bob, zero, 3n),
      { ...skipped(1n, bob, 3n, 2n), address: stranger },
      settled(1n),
    ]
    expect(decideConfirmations(logs, ownership([batch(1n)]))).toMatchObject([
      { kind: "settled", moves: [{ accountId: 1n }, { accountId: 2n, settled: -3n, amount: -3n }] },
    ])
  })

  test("gives each batch the transfers that stand before it", () => {
    const logs = [transfer(zero, ann, 5n), settled(1n), transfer(zero, ann, 7n), settled(2n)]
    const second = batch(2n, { accounts: [{ accountId: 1n, address: ann, delta: 7n, hasLeft: false }] })
    const first = batch(1n, { accounts: [{ accountId: 1n, address: ann, delta: 5n, hasLeft: false }] })
    expect(decideConfirmations(logs, ownership([first, second]))).toMatchObject([
      { batch: { batchSequence: 1n }, moves: [{ amount: 5n }] },
      { batch: { batchSequence: 2n }, moves: [{ amount: 7n }] },
    ])
  })

  test("moves an account that had left the batch without settling anything of it", () => {
    const left = batch(1n, { accounts: [{ accountId: 2n, address: bob, delta: -3n, hasLeft: true }] })
    expect(decideConfirmations([transfer(bob, zero, 3n), settled(1n)], ownership([left]))).toMatchObject([
      { kind: "settled", moves: [{ accountId: 2n, settled: 0n, amount: -3n }] },
    ])
    expect(decideConfirmations([skipped(1n, bob, 3n, 0n), settled(1n)], ownership([left]))).toMatchObject([
      { kind: "settled", moves: [] },
    ])
  })

  test("settles a batch once, whatever its token says after that", () => {
    const logs = [
      ...[transfer(zero, ann, 5n), transfer(bob, zero, 3n), settled(1n)],
      ...[transfer(zero, ann, 5n), settled(1n)],
      ...[transfer(zero, ann, 5n, 2), settled(1n, 2)],
    ]
    expect(decideConfirmations(logs, ownership([batch(1n)]))).toMatchObject([
      { kind: "settled", log: logs[2] },
    ])
  })

  test("says nothing of a batch that is confirmed already", () => {
    expect(decideConfirmations([transfer(zero, ann, 5n), settled(99n)], ownership(["confirmed"]))).toEqual([])
  })

  test.each([
    ["an id that nobody sealed", settled(7n), batch(1n)],
    ["other content than was sealed", settled(1n, 1, `0x${"dd".repeat(32)}`), batch(1n)],
    ["a batch of another token", settled(1n), batch(1n, { tokenId: 2 })],
    ["a batch that another contract settles", settled(1n), batch(1n, { contract: stranger })],
  ])("credits nobody for %s", (_, log, known) => {
    expect(decideConfirmations([transfer(zero, ann, 5n), log], ownership([known]))).toEqual([
      { kind: "unknown_batch", log, batchId: batchIdHex(log.args.batchId) },
    ])
  })
})

describe("an id that is burnt", () => {
  const cancelled = (batchId: bigint): ChainLogOf<"BatchCancelled"> => ({
    ...place(),
    kind: "BatchCancelled",
    args: { batchId },
  })
  test("lets out of its batch what that still holds", () => {
    const log = cancelled(1n)
    const [ann1, bob1] = batch(1n).accounts
    if (ann1 === undefined || bob1 === undefined) throw new Error("no accounts")
    const known = batch(1n, { accounts: [ann1, { ...bob1, hasLeft: true }] })
    const [finding] = decideConfirmations([log], ownership([known]))
    if (finding?.kind !== "cancelled") throw new Error("it is not cancelled")
    expect(eventOfFinding(finding, () => 0n)).toMatchObject({
      type: "SettlementCancelled",
      account: null,
      data: { batch_sequence: 1, batch_id: known.batchId, accounts: [{ account_id: 1, net: "5" }] },
    })
  })

  test("is so once, whatever its token says after that: it is not settled, and stops nobody else", () => {
    const logs = [cancelled(1n), cancelled(1n), transfer(zero, ann, 5n, 2), settled(1n, 2)]
    expect(decideConfirmations(logs, ownership([batch(1n)]))).toMatchObject([
      { kind: "cancelled", log: logs[0] },
      { kind: "unknown_batch", log: logs[3] },
    ])
    const later = [cancelled(98n), transfer(zero, ann, 5n, 2), settled(98n, 2)]
    expect(decideConfirmations(later, ownership(["cancelled"]))).toMatchObject([{ kind: "unknown_batch" }])
  })

  test.each<[string, OpenBatch | "confirmed" | undefined]>([
    ["nobody's", undefined],
    ["of a batch of another token", batch(1n, { tokenId: 2 })],
    ["of a batch that another contract settles", batch(1n, { contract: stranger })],
    ["of a batch that was taken apart", batch(1n, { isDissolved: true })],
  ])("concerns nobody when it is %s", (_, known) => {
    expect(decideConfirmations([cancelled(1n)], ownership(known === undefined ? [] : [known]))).toEqual([])
  })
})

describe("a transfer that no batch explains", () => {
  test("is seen from each end that is ours", () => {
    const logs = [transfer(stranger, ann, 5n), transfer(ann, stranger, 2n, 2), transfer(ann, bob, 1n, 3)]
    expect(
      decideConfirmations(logs, ownership()).map(
        (finding) => finding.kind === "observed" && [finding.account.accountId, finding.amount],
      ),
    ).toEqual([
      [1n, 5n],
      [1n, -2n],
      [1n, -1n],
      [2n, 1n],
    ])
  })

  test("is nobody's when it moves nothing, goes in a circle, or comes from a transaction of ours", () => {
    const logs = [transfer(stranger, ann, 0n), transfer(ann, ann, 5n, 2), transfer(stranger, ann, 5n, 3)]
    expect(decideConfirmations(logs, ownership([], [3]))).toEqual([])
  })
})

test("an event names its log, and an observation the balance after it", () => {
  const [deposit] = decideConfirmations([transfer(stranger, ann, 5n)], ownership())
  if (deposit?.kind !== "observed") throw new Error("no deposit was seen")
  const event = eventOfFinding(deposit, (accountId, amount) => accountId * 100n + amount)
  expect(event).toMatchObject({
    type: "DepositObserved",
    account: { accountId: 1n, amount: 5n, balanceAfter: 105n },
    causation: `log:31337:${deposit.log.blockHash}:${deposit.log.logIndex}`,
    occurredAt: new Date(1_700_000_000_000),
  })
})

describe("a transaction of ours, on a token that does not know batches", () => {
  const credits = batch(1n, {
    counterparty: zero,
    accounts: [
      { accountId: 1n, address: ann, delta: 5n, hasLeft: false },
      { accountId: 2n, address: bob, delta: 3n, hasLeft: false },
    ],
  })
  const debits = batch(2n, {
    counterparty: zero,
    accounts: [{ accountId: 2n, address: bob, delta: -3n, hasLeft: false }],
  })
  const decide = (logs: readonly ChainLog[], known: OpenBatch | ConfirmedBatch) =>
    decideConfirmations(logs, ownership([], [1, 2], { 1: known, 2: known }))

  test("settles its batch, whose first transfer says where that was seen", () => {
    const minted = [transfer(zero, bob, 3n), transfer(zero, ann, 5n)]
    expect(decide(minted, credits)).toEqual([
      {
        kind: "settled",
        log: minted[0],
        batch: credits,
        moves: [
          { accountId: 1n, settled: 5n, amount: 5n },
          { accountId: 2n, settled: 3n, amount: 3n },
        ],
      },
    ])
    const burned = [transfer(bob, zero, 3n)]
    expect(decide(burned, debits)).toMatchObject([{ kind: "settled", log: burned[0] }])
  })

  test.each([
    ["too much", [transfer(zero, ann, 6n), transfer(zero, bob, 3n)]],
    ["less", [transfer(zero, ann, 5n), transfer(zero, bob, 2n)]],
    ["not for everybody", [transfer(zero, ann, 5n)]],
    ["once too often", [transfer(zero, ann, 5n), transfer(zero, bob, 3n), transfer(zero, bob, 3n)]],
    ["in two parts", [transfer(zero, ann, 5n), transfer(zero, bob, 1n), transfer(zero, bob, 2n)]],
    ["also for others", [transfer(zero, ann, 5n), transfer(zero, bob, 3n), transfer(zero, stranger, 1n)]],
    ["a fee", [transfer(zero, ann, 5n), transfer(ann, stranger, 1n), transfer(zero, bob, 3n)]],
    ["out of somebody's pocket", [transfer(stranger, ann, 5n), transfer(zero, bob, 3n)]],
    ["the other way", [transfer(ann, zero, 5n), transfer(bob, zero, 3n)]],
    ["and says that it settled", [transfer(zero, ann, 5n), transfer(zero, bob, 3n), settled(1n)]],
  ])("is not believed where it moved %s", (_, logs) => {
    expect(decide(logs, credits)).toMatchObject([{ kind: "altered_batch", batch: credits }])
  })

  test("is known when it is read again, and not believed when it is another one of the same batch", () => {
    const log = transfer(bob, zero, 3n)
    const confirmedIn = { transactionHash: log.transactionHash, blockHash: log.blockHash }
    const confirmed = { ledgerId: "ledger", batchSequence: 2n, confirmedIn }
    expect(decide([log], confirmed)).toEqual([])
    const again = transfer(bob, zero, 3n, 2)
    expect(decide([again], confirmed)).toMatchObject([{ kind: "settled_twice", log: again }])
    expect(decide([log, again], debits)).toMatchObject([
      { kind: "settled", log },
      { kind: "settled_twice", log: again },
    ])
  })

  test("is not named by a BatchSettled of such a token", () => {
    expect(decideConfirmations([transfer(zero, ann, 5n, 7), settled(1n, 7)], ownership())).toMatchObject([
      { kind: "unknown_batch" },
    ])
  })
})
