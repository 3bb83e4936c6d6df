import { describe, expect, it } from "vitest"
import { amountLimit } from "./amount.ts"
import {
  decideReverseAdjustment,
  type Original,
  type ReverseAdjustmentCommand,
} from "./reverse-adjustment.ts"

const at = new Date("2024-12-15T10:00:00.000Z")
const data = {
  reason_type: "reward",
  business_type: "reward",
  priority: "high",
  is_immediate: true,
  max_wait_ms: 5,
  business_batch_id: "campaign",
} as const
const command: ReverseAdjustmentCommand = {
  kind: "ReverseAdjustment",
  operationId: "undo",
  sequence: 2,
  requestHash: Buffer.alloc(32, 2),
  route: "POST /adjustments/{tx_id}/reverse",
  answerContext: null,
  position: 9n,
  details: { reason_detail: "paid twice", metadata: {} },
}
const original: Original = {
  position: 9n,
  type: "AdjustmentRecorded",
  accountId: 3n,
  userId: "ann",
  tokenId: 1,
  amountBaseUnits: 10n,
  data: { ...data, confirmed_after: "3", request_hash: "00" } as Original["data"],
  reversedBy: null,
}
const balance = (pending: bigint, locked = 0n) => ({ pending, confirmed: 4n, locked })

describe("reversing", () => {
  it("gives the opposite amount with the words of the original, and refers to it", () => {
    expect(decideReverseAdjustment({ original, balance: balance(12n, 2n) }, command, at)).toEqual({
      type: "AdjustmentReversed",
      data: { ...data, confirmed_after: "4", reversed_position: 9, request_hash: "02".repeat(32) },
      operation: { operationId: "undo", sequence: 2 },
      account: { accountId: 3n, amount: -10n, balanceAfter: 2n },
      occurredAt: at,
      causation: "operation:undo:2",
      details: command.details,
    })
  })

  it("takes back a capture as well", () => {
    const captured = { ...original, type: "HoldCaptured", amountBaseUnits: -10n }
    expect(
      decideReverseAdjustment({ original: captured, balance: balance(-5n, 9n) }, command, at),
    ).toMatchObject({
      account: { amount: 10n, balanceAfter: 5n },
    })
  })

  it("refuses to take what is spent or held", () => {
    expect(decideReverseAdjustment({ original, balance: balance(12n, 3n) }, command, at)).toEqual({
      refused: "INSUFFICIENT_BALANCE",
      index: 0,
      availableBaseUnits: 9n,
    })
    expect(decideReverseAdjustment({ original, balance: balance(-1n, 3n) }, command, at)).toMatchObject({
      availableBaseUnits: 0n,
    })
  })

  it("refuses a second time, and names what did it", () => {
    const done = { ...original, reversedBy: 11n }
    expect(decideReverseAdjustment({ original: done, balance: balance(12n) }, command, at)).toEqual({
      refused: "ALREADY_REVERSED",
      reversedBy: 11n,
    })
  })

  it.each(["DepositObserved", "WithdrawalObserved", "AdjustmentReversed"])("refuses a %s", (type) => {
    expect(
      decideReverseAdjustment({ original: { ...original, type }, balance: balance(12n) }, command, at),
    ).toEqual({ refused: "NOT_REVERSIBLE", type })
  })

  it.each(["AccountOpened", "HoldPlaced", "HoldReleased", undefined])("does not know a %s", (type) => {
    const state = { original: type === undefined ? undefined : { ...original, type }, balance: balance(12n) }
    expect(decideReverseAdjustment(state, command, at)).toEqual({ refused: "UNKNOWN_TRANSACTION" })
  })

  it("refuses to leave the range", () => {
    const debit = { ...original, amountBaseUnits: -10n }
    expect(
      decideReverseAdjustment({ original: debit, balance: balance(amountLimit - 10n) }, command, at),
    ).toEqual({
      refused: "BALANCE_OUT_OF_RANGE",
      index: 0,
    })
  })
})
