import { describe, expect, test } from "vitest"
import { ReplayFault } from "./replay-fault.ts"
import { address, common, hex, TestLog } from "./test-log.ts"

/** Four accounts; what is anchored are checkpoints of these events. */
function begin(): TestLog {
  const log = new TestLog()
  for (let opened = 0; opened < 4; opened += 1) log.open()
  return log
}

const anchor = (log: TestLog, treeSize: number) =>
  log.add({
    ...common,
    type: "CheckpointAnchored",
    account: null,
    data: { ...log.place(), tree_size: treeSize, root: hex, anchor: address },
  })

describe("the replay of anchors", () => {
  test("lets every checkpoint be anchored, and anchored again once that was taken back", () => {
    const log = begin()
    anchor(log, 4)
    const second = anchor(log, 2)
    log.revoke(second)
    anchor(log, 2)
    expect([...log.replay.confirmations.anchors]).toEqual([
      [4, 5],
      [2, 8],
    ])
  })

  test.each([
    [
      "a checkpoint that is anchored already",
      4,
      /^the checkpoint of 4 events is anchored already, at position 5$/,
    ],
    [
      "a checkpoint of events that are not there yet",
      6,
      /^a checkpoint of 6 events is anchored before they are there$/,
    ],
  ])("refuses %s", (_, treeSize, message) => {
    const log = begin()
    anchor(log, 4)
    expect(() => anchor(log, treeSize)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message) }),
    )
    expect(() => anchor(log, 4)).toThrow(ReplayFault)
  })

  test("refuses a revocation that says something else than was confirmed", () => {
    const log = begin()
    const position = anchor(log, 4)
    expect(() =>
      log.add({
        ...common,
        type: "ConfirmationRevoked",
        account: null,
        data: {
          chain_id: 1,
          block_number: 2,
          block_hash: hex,
          revoked_position: position,
          revoked_type: "CheckpointAnchored",
          batch_sequence: null,
          accounts: [],
          reopened_account_ids: [],
        },
      }),
    ).toThrow(/says something else/)
  })
})
