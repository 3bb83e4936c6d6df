import { describe, expect, test } from "vitest"
import type { ChainLogOf } from "./chain-log.ts"
import { decideAnchors, type KnownCheckpoints } from "./decide-anchors.ts"
import { eventOfFinding } from "./decide-confirmations.ts"
import { ledgerIdBytes } from "./wallet-address.ts"

const ledgerId = "01890a5d-ac96-774b-bcce-b302099a8057"
const elsewhere = "01890a5d-ac96-774b-bcce-b302099a8058"
const root = `0x${"aa".repeat(32)}`
const otherRoot = `0x${"bb".repeat(32)}`

const logOf = (args: Partial<ChainLogOf<"CheckpointAnchored">["args"]>) =>
  ({
    kind: "CheckpointAnchored",
    chainId: 31_337,
    address: `0x${"70".repeat(20)}`,
    blockNumber: 10n,
    blockHash: `0x${"b1".repeat(32)}`,
    blockTime: 1_700_000_000,
    transactionHash: `0x${"7a".repeat(32)}`,
    logIndex: 3,
    args: { ledgerId: ledgerIdBytes(ledgerId), treeSize: 5n, root, ...args },
  }) as const

/** One ledger with checkpoints of 5 and 9 events, of which the second one is anchored. */
const known: KnownCheckpoints = {
  isOurs: (id) => id === ledgerId,
  of: (id, treeSize) =>
    id !== ledgerId || (treeSize !== 5n && treeSize !== 9n)
      ? undefined
      : { root, isAnchored: treeSize === 9n },
}

describe("decideAnchors", () => {
  test("believes the root that was signed here, whoever sent it", () => {
    const log = logOf({})
    expect(decideAnchors([log], known)).toEqual([{ kind: "anchored", log, ledgerId }])
  })

  test("never believes another root, nor a size that nothing was signed for", () => {
    for (const [args, signedRoot] of [
      [{ root: otherRoot }, root],
      [{ treeSize: 9n, root: otherRoot }, root],
      [{ treeSize: 6n }, null],
      [{ treeSize: 2n ** 64n - 1n }, null],
    ] as const) {
      const log = logOf(args)
      expect(decideAnchors([log], known)).toEqual([{ kind: "foreign_anchor", log, ledgerId, signedRoot }])
    }
  })

  test("says nothing of what is anchored already, and of ledgers that are not here", () => {
    const others = [
      logOf({ treeSize: 9n }),
      logOf({ ledgerId: ledgerIdBytes(elsewhere), root: otherRoot }),
      // No uuid: the upper half is not empty.
      logOf({ ledgerId: `0x01${ledgerIdBytes(ledgerId).slice(4)}` }),
    ]
    expect(decideAnchors(others, known)).toEqual([])
  })
})

test("the event says where the root stands", () => {
  const [finding] = decideAnchors([logOf({})], known)
  if (finding?.kind !== "anchored") throw new Error("no anchor was found")
  expect(eventOfFinding(finding, () => 0n)).toMatchObject({
    type: "CheckpointAnchored",
    account: null,
    causation: `log:31337:0x${"b1".repeat(32)}:3`,
    data: { chain_id: 31_337, block_number: 10, tree_size: 5, root, anchor: `0x${"70".repeat(20)}` },
  })
})
