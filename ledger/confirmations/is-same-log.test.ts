import { encodeAbiParameters, encodeEventTopics, type Hex, parseAbiParameters } from "viem"
import { describe, expect, test } from "vitest"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { AgreedLog } from "../../platform/rpc/agreement.ts"
import type { ChainLog } from "../domain/chain-log.ts"
import { isIndexed, isSameLog } from "./is-same-log.ts"

const abi = [...cpopTokenAbi, ...auditAnchorAbi]
const ann: Hex = `0x${"a1".repeat(20)}`
const bob: Hex = `0x${"b2".repeat(20)}`
const hash: Hex = `0x${"cc".repeat(32)}`
const most = 2n ** 256n - 1n

const place = {
  address: `0x${"70".repeat(20)}`,
  blockNumber: 10n,
  blockHash: `0x${"bb".repeat(32)}`,
  transactionHash: `0x${"dd".repeat(32)}`,
  logIndex: 3,
} as const

function pair(
  row: Pick<ChainLog, "kind" | "args">,
  indexed: object,
  types: string,
  values: readonly unknown[],
): { row: ChainLog; log: AgreedLog } {
  const topics = encodeEventTopics({ abi, eventName: row.kind, args: indexed } as never) as Hex[]
  const data = types === "" ? "0x" : encodeAbiParameters(parseAbiParameters(types) as never, values as never)
  return {
    row: { ...place, chainId: 1, blockTime: 1, ...row } as ChainLog,
    log: { ...place, topics, data },
  }
}

const transfer = pair(
  { kind: "Transfer", args: { from: ann, to: bob, value: most } },
  { from: ann, to: bob },
  "uint256",
  [most],
)
const kinds = {
  transfer,
  settled: pair(
    { kind: "BatchSettled", args: { batchId: most, contentHash: hash, minted: 5n, burned: 0n } },
    { batchId: most },
    "bytes32, uint256, uint256",
    [hash, 5n, 0n],
  ),
  skipped: pair(
    { kind: "DebitSkipped", args: { batchId: 7n, account: ann, amount: 5n, balance: 2n } },
    { batchId: 7n, account: ann },
    "uint256, uint256",
    [5n, 2n],
  ),
  cancelled: pair({ kind: "BatchCancelled", args: { batchId: 7n } }, { batchId: 7n }, "", []),
  anchored: pair(
    { kind: "CheckpointAnchored", args: { ledgerId: hash, treeSize: 2n ** 64n - 1n, root: hash } },
    { ledgerId: hash },
    "uint64, bytes32",
    [2n ** 64n - 1n, hash],
  ),
}

describe("a row of the indexer", () => {
  test.each(Object.entries(kinds))("of a log as a contract writes it is that log: %s", (_, { row, log }) => {
    expect(isSameLog(row, log)).toBe(true)
  })

  test.each(Object.entries(kinds))("is not, where one argument is another: %s", (_, { row, log }) => {
    for (const [name, value] of Object.entries(row.args)) {
      const other = typeof value === "bigint" ? value - 1n : `${String(value).slice(0, -1)}0`
      expect(isSameLog({ ...row, args: { ...row.args, [name]: other } } as ChainLog, log)).toBe(false)
    }
  })

  test.each([
    ["contract", { address: ann }],
    ["transaction", { transactionHash: hash }],
    ["block", { blockHash: hash }],
    ["height", { blockNumber: 9n }],
    ["place in its block", { logIndex: 4 }],
    ["event", { topics: [kinds.cancelled.log.topics[0] ?? hash, ...transfer.log.topics.slice(1)] }],
    ["number of words", { data: "0x" }],
  ] as const)("is not, where the %s is another", (_, other) => {
    expect(isSameLog(transfer.row, { ...transfer.log, ...other })).toBe(false)
  })
})

describe("a log of the endpoints", () => {
  test.each(Object.entries(kinds))("has a row where it can be read: %s", (name, { log }) => {
    const isAnchor = name === "anchored"
    expect(isIndexed(log, isAnchor ? log.address : null)).toBe(true)
    expect(isIndexed({ ...log, topics: log.topics.slice(0, -1) }, isAnchor ? log.address : null)).toBe(false)
    // Whoever else anchors, and whatever else the contract with the anchors says.
    expect(isIndexed(log, isAnchor ? null : log.address)).toBe(false)
    if (log.data === "0x") return
    expect(isIndexed({ ...log, data: log.data.slice(0, -64) as Hex }, isAnchor ? log.address : null)).toBe(
      false,
    )
  })
})
