import { describe, expect, test } from "vitest"
import { compareBatches, compareHoldings, compareUnsettled } from "../../chaos/check/compare-chain.ts"
import { compareJournal } from "../../chaos/check/compare-journal.ts"
import { createLogFold, type FoldedLog } from "../../chaos/check/fold-log.ts"
import { parseLogEvent } from "../../chaos/check/log-event.ts"
import type { TokenLog, TokenState } from "../../chaos/check/read-token.ts"
import type { JournalEntry } from "../../demo/journal.ts"
import {
  addresses,
  batchId,
  blockHash,
  contentHash,
  goodLog,
  logLines,
  transactionHash,
} from "./log-lines.ts"

function fold(lines: readonly string[]): FoldedLog {
  const log = createLogFold()
  for (const line of lines) log.add(parseLogEvent(line))
  return log.result()
}

const lines = logLines(goodLog)
const log = fold(lines)

const accepted = (id: string, position: string, ...changes: [string, string][]): JournalEntry => ({
  operation_id: id,
  adjustments: changes.map(([user_id, amount]) => ({ user_id, amount })),
  outcome: "accepted",
  position,
  data_digest: "",
})
const journal: readonly JournalEntry[] = [
  accepted("one", "4", ["a", "+7.0"], ["b", "+0.5"]),
  accepted("two", "5", ["a", "-3"]),
  accepted("three", "6", ["b", "-0.5"]),
  { operation_id: "four", adjustments: [], outcome: "refused", code: "INSUFFICIENT_BALANCE" },
]

const zero = `0x${"0".repeat(40)}`
const place = { transactionHash, blockNumber: 12n, place: `${blockHash}/3` }
const settled: TokenLog = { ...place, kind: "BatchSettled", batchId, contentHash }
const minted: TokenLog = {
  ...place,
  kind: "Transfer",
  from: zero,
  to: addresses.a,
  value: 40n,
}
const state = (...logs: TokenLog[]): TokenState => ({ blockNumber: 14n, totalSupply: 40n, logs })
const held = new Map([
  [addresses.a, 40n],
  [addresses.b, 0n],
])

test("what is whole is found whole, and the hashes agree with those of the product", () => {
  expect(log.problems).toEqual([])
  expect(log).toMatchObject({ events: 9n, changes: 4, blockNumberMax: 12n })
  expect(compareUnsettled(log, new Map())).toEqual([])
  expect(compareJournal(log, journal, 1)).toEqual([])
  expect(compareBatches(log, state(settled, minted))).toEqual([])
  expect(compareHoldings(log, state(), held)).toEqual([])
})

describe("the event log", () => {
  test("one line dropped, wherever", () => {
    for (let index = 0; index < lines.length - 1; index++)
      expect(fold(lines.toSpliced(index, 1)).problems).not.toEqual([])
    // The end may be missing only while something is still to be settled.
    expect(fold(lines.slice(0, -1)).unsettled).toEqual(new Map([["1", { changes: 2, amount: 40n }]]))
  })

  test("one line twice, or two swapped", () => {
    for (let index = 0; index < lines.length; index++) {
      expect(fold(lines.toSpliced(index, 0, lines[index] ?? "")).problems).not.toEqual([])
      const [first, second] = lines.slice(index, index + 2)
      if (first !== undefined && second !== undefined)
        expect(fold(lines.toSpliced(index, 2, second, first)).problems).not.toEqual([])
    }
  })

  test("any figure, text or detail altered", () => {
    for (const [index, line] of lines.entries()) {
      for (const { 0: digit, index: at } of line.matchAll(/[1-9]/g)) {
        // What the hash is said to be is compared, too; only the zeros before a number do not count.
        const altered = `${line.slice(0, at)}${digit === "9" ? "8" : "9"}${line.slice(at + 1)}`
        expect(isFoundFaulty(lines.with(index, altered))).toBe(true)
      }
    }
    expect(isFoundFaulty(lines.map((line) => line.replace("quoted", "quaint")))).toBe(true)
    expect(isFoundFaulty(lines.map((line) => line.replace("reward", "regard")))).toBe(true)
  })

  test("a log that is hashed well and adds up badly", () => {
    const rewritten = (index: number, change: object) =>
      fold(logLines(goodLog.map((event, at) => (at === index ? { ...event, ...change } : event)))).problems
    expect(rewritten(4, { amount: -31n })).toHaveLength(3)
    expect(rewritten(4, { balanceAfter: 41n })).toHaveLength(1)
    expect(rewritten(5, { operationId: "one" }).join()).toContain("records more of one/0")
    const twice = [...goodLog, ...goodLog.slice(-1)]
    expect(fold(logLines(twice)).problems.join()).toContain("is not batch 1 but settled by 1")
    expect(fold(logLines([...goodLog, ...goodLog.slice(-2, -1)])).problems.join()).toContain(
      "seals batch 1 again",
    )
  })
})

describe("the client's journal", () => {
  test("an answer that the log does not know, and the other way round", () => {
    expect(compareJournal(log, journal.slice(1), 1)).toHaveLength(1)
    expect(compareJournal(log, [...journal, accepted("five", "7", ["a", "+1"])], 1)).toHaveLength(1)
  })

  test("another amount, user, order, position or verdict", () => {
    const faults = [
      accepted("one", "4", ["a", "+7.1"], ["b", "+0.5"]),
      accepted("one", "4", ["b", "+7.0"], ["b", "+0.5"]),
      accepted("one", "4", ["b", "+0.5"], ["a", "+7.0"]),
      accepted("one", "3", ["a", "+7.0"], ["b", "+0.5"]),
      { operation_id: "one", adjustments: [], outcome: "refused", code: "INVALID_AMOUNT" } as const,
    ]
    for (const fault of faults) expect(compareJournal(log, journal.with(0, fault), 1)).toHaveLength(1)
  })
})

describe("the chain", () => {
  test("a batch that is missing, there twice, cancelled, or not ours", () => {
    expect(compareBatches(log, state()).join()).toContain("the chain has nothing")
    expect(compareBatches(log, state(settled, settled, minted)).join()).toContain(
      "BatchSettled, BatchSettled",
    )
    const cancelled: TokenLog = { ...place, kind: "BatchCancelled", batchId }
    expect(compareBatches(log, state(cancelled))).toHaveLength(1)
    const unknown: TokenLog = { ...settled, batchId: batchId.replace(/1$/, "2") }
    expect(compareBatches(log, state(settled, minted, unknown))).toHaveLength(1)
  })

  test("another ledger's batch, which has to leave our accounts alone", () => {
    const there = { transactionHash: zero }
    const foreign: TokenLog = { ...settled, ...there, batchId: `0x${"2".repeat(64)}` }
    const theirs: TokenLog = { ...minted, ...there, to: `0x${"e".repeat(40)}` }
    expect(compareBatches(log, state(settled, minted, foreign, theirs))).toEqual([])
    expect(compareBatches(log, state(settled, minted, foreign, { ...minted, ...there })).join()).toContain(
      "of another ledger",
    )
  })

  test("another content, transaction or amount, and a transfer by itself", () => {
    expect(compareBatches(log, state({ ...settled, contentHash: zero }, minted))).toHaveLength(1)
    const elsewhere = { transactionHash: zero }
    expect(
      compareBatches(log, state({ ...settled, ...elsewhere }, { ...minted, ...elsewhere })),
    ).toHaveLength(1)
    expect(compareBatches(log, state(settled, { ...minted, value: 41n }))).toHaveLength(1)
    expect(compareBatches(log, state(settled, minted, { ...minted, ...elsewhere }))).toHaveLength(1)
  })

  test("a deposit that was not observed, or observed twice", () => {
    const deposit: TokenLog = {
      ...minted,
      from: `0x${"e".repeat(40)}`,
      transactionHash: zero,
      value: 3n,
      place: "0x5/7",
    }
    const move = { accountId: "1", amount: 3n, place: "0x5/7" }
    const moved = (...moves: (typeof move)[]) => ({
      ...log,
      moves: new Map(moves.map((each, at) => [`${at}`, each])),
    })
    const onChain = state(settled, minted, deposit)
    expect(compareBatches(moved(move), onChain)).toEqual([])
    expect(compareBatches(moved(), onChain)).toHaveLength(1)
    expect(compareBatches(moved(move, move), onChain)).toHaveLength(1)
    expect(compareBatches(moved({ ...move, place: "0x6/7" }), onChain)).toHaveLength(2)
  })

  test("a batch that was taken apart and is there", () => {
    const [batch] = log.batches.values()
    if (batch === undefined) throw new Error("there is no batch")
    const apart = { ...log, batches: new Map([["1", { ...batch, isDissolved: true }]]) }
    expect(compareBatches(apart, state())).toEqual([])
    expect(compareBatches(apart, state(settled)).join()).toContain("was taken apart and is on the chain")
  })

  test("a batch whose id was burnt, which has to be so on the chain, and there alone", () => {
    const [batch] = log.batches.values()
    if (batch === undefined) throw new Error("there is no batch")
    const burnt = { ...log, batches: new Map([["1", { ...batch, isCancelled: true }]]) }
    const cancelled: TokenLog = { ...place, kind: "BatchCancelled", batchId }
    expect(compareBatches(burnt, state(cancelled))).toEqual([])
    expect(compareBatches(burnt, state())).toHaveLength(1)
    expect(compareBatches(burnt, state(cancelled, settled))).toHaveLength(1)
  })

  test("changes that wait and are not in the dead letters, or not all of them", () => {
    const open = { ...log, unsettled: new Map([["1", { changes: 2, amount: 40n }]]) }
    const letter = (changes: number) => new Map([["a", { changes, amount: 40n }]])
    expect(compareUnsettled(open, letter(2))).toEqual([])
    expect(compareUnsettled(open, new Map())).toHaveLength(1)
    expect(compareUnsettled(open, letter(1))).toHaveLength(1)
    expect(compareUnsettled(log, letter(2))).toHaveLength(1)
  })

  test("a confirmation that stands on a block which is gone", () => {
    const elsewhere = { ...settled, place: `${zero}/3` }
    expect(compareBatches(log, state(elsewhere, minted)).join()).toContain("a block that the chain has not")
  })

  test("a confirmation of a batch that is missing, or that came twice", () => {
    for (const confirmations of [0, 2]) {
      const [batch] = log.batches.values()
      if (batch === undefined) throw new Error("there is no batch")
      const batches = new Map([["1", { ...batch, confirmations }]])
      expect(compareBatches({ ...log, batches }, state(settled, minted))).toHaveLength(1)
    }
  })

  test("a balance or a supply that differs", () => {
    expect(compareHoldings(log, state(), new Map([...held, [addresses.b, 1n]]))).toHaveLength(1)
    expect(compareHoldings(log, { totalSupply: 41n }, held)).toHaveLength(1)
    expect(compareHoldings(log, state(), new Map())).toHaveLength(2)
  })
})

function isFoundFaulty(altered: readonly string[]): boolean {
  try {
    return fold(altered).problems.length > 0
  } catch {
    return true
  }
}
