import { describe, expect, it } from "vitest"
import { type CaptureHoldCommand, decideCaptureHold } from "./capture-hold.ts"
import { effectsOf } from "./effects.ts"
import type { ChangeData } from "./events.ts"
import type { Hold } from "./hold.ts"
import { decidePlaceHold, type PlaceHoldCommand } from "./place-hold.ts"
import { decideReleaseHold, type ReleaseHoldCommand } from "./release-hold.ts"

const at = new Date("2024-12-15T10:00:00.000Z")
const later = new Date("2024-12-15T11:00:00.000Z")
const change: ChangeData = {
  reason_type: "consumption",
  business_type: "consumption",
  priority: "normal",
  is_immediate: false,
  max_wait_ms: null,
  business_batch_id: null,
}
const details = { reason_detail: "order 7", metadata: {} }
const request = {
  operationId: "op",
  sequence: 0,
  requestHash: Buffer.alloc(32, 1),
  route: "POST /balance/holds",
  answerContext: null,
}
const place: PlaceHoldCommand = {
  ...request,
  kind: "PlaceHold",
  userId: "ann",
  tokenId: 1,
  amountBaseUnits: 10n,
  expiry: { inMs: 3_600_000 },
  change,
  details,
}
const capture: CaptureHoldCommand = {
  ...request,
  kind: "CaptureHold",
  holdPosition: 7n,
  amountBaseUnits: null,
  details: null,
}
const release: ReleaseHoldCommand = { ...request, kind: "ReleaseHold", holdPosition: 7n }
const hold: Hold = {
  position: 7n,
  accountId: 3n,
  userId: "ann",
  tokenId: 1,
  amountBaseUnits: 10n,
  expiresAt: later,
  change,
  details,
  end: null,
}
const account = (pending: bigint, locked: bigint) => ({
  accountId: 3n,
  balance: { pending, confirmed: 0n, locked },
})

describe("placing a hold", () => {
  it("locks what is available, to the last unit, and leaves the balance as it is", () => {
    const event = decidePlaceHold(account(15n, 5n), place, at)
    expect(event).toMatchObject({
      type: "HoldPlaced",
      data: { ...change, amount: "10", expires_at: later.toISOString(), request_hash: "01".repeat(32) },
      account: { accountId: 3n, amount: 0n, balanceAfter: 15n },
      operation: { operationId: "op", sequence: 0 },
      details,
    })
    if ("refused" in event) return
    expect(effectsOf(event)).toEqual([{ accountId: 3n, pending: 0n, confirmed: 0n, locked: 10n }])
  })

  it.each([
    ["one unit more than that", account(14n, 5n), 9n],
    ["anything of an overdrawn account", account(-3n, 5n), 0n],
    ["anything of who never had any", undefined, 0n],
  ])("refuses %s", (_, given, availableBaseUnits) => {
    expect(decidePlaceHold(given, place, at)).toEqual({
      refused: "INSUFFICIENT_BALANCE",
      index: 0,
      availableBaseUnits,
    })
  })

  it("refuses to expire at once", () => {
    expect(decidePlaceHold(account(15n, 0n), { ...place, expiry: { at } }, at)).toEqual({
      refused: "EXPIRY_PASSED",
    })
    expect(
      decidePlaceHold(account(15n, 0n), { ...place, expiry: { at: new Date(at.getTime() + 1) } }, at),
    ).toMatchObject({ data: { expires_at: "2024-12-15T10:00:00.001Z" } })
  })
})

describe("capturing a hold", () => {
  const state = { hold, ...account(15n, 10n) }

  it("takes all of it, as the change that the hold named", () => {
    const event = decideCaptureHold(state, capture, at)
    expect(event).toMatchObject({
      type: "HoldCaptured",
      data: { ...change, hold_position: 7, captured: "10", released: "0" },
      account: { accountId: 3n, amount: -10n, balanceAfter: 5n },
      details,
    })
    if ("refused" in event) return
    expect(effectsOf(event)).toEqual([{ accountId: 3n, pending: -10n, confirmed: 0n, locked: -10n }])
  })

  it("takes a part and releases the rest, with words of its own", () => {
    const own = { reason_detail: "less", metadata: {} }
    expect(decideCaptureHold(state, { ...capture, amountBaseUnits: 4n, details: own }, at)).toMatchObject({
      data: { captured: "4", released: "6" },
      account: { amount: -4n, balanceAfter: 11n },
      details: own,
    })
  })

  it("refuses more than it keeps", () => {
    expect(decideCaptureHold(state, { ...capture, amountBaseUnits: 11n }, at)).toEqual({
      refused: "CAPTURE_TOO_LARGE",
      heldBaseUnits: 10n,
    })
  })

  it("refuses what the chain has taken out of the account since, and takes what is left", () => {
    const poor = { hold, ...account(4n, 10n) }
    expect(decideCaptureHold(poor, capture, at)).toEqual({
      refused: "INSUFFICIENT_BALANCE",
      index: 0,
      availableBaseUnits: 4n,
    })
    expect(decideCaptureHold(poor, { ...capture, amountBaseUnits: 4n }, at)).toMatchObject({
      account: { balanceAfter: 0n },
    })
    expect(decideCaptureHold({ hold, ...account(-4n, 10n) }, capture, at)).toMatchObject({
      availableBaseUnits: 0n,
    })
  })
})

describe.each([
  [
    "capture",
    (given: Hold | undefined, when: Date) =>
      decideCaptureHold({ hold: given, ...account(15n, 10n) }, capture, when),
  ],
  [
    "release",
    (given: Hold | undefined, when: Date) =>
      decideReleaseHold({ hold: given, ...account(15n, 10n) }, release, when),
  ],
])("a %s", (_, decide) => {
  it("is refused at the moment that the hold expires, though nobody has recorded it, and not before", () => {
    expect(decide(hold, new Date(later.getTime() - 1))).not.toHaveProperty("refused")
    expect(decide(hold, later)).toEqual({ refused: "HOLD_ENDED", end: { how: "expired", at: later } })
  })

  it("is refused for a hold that has ended, and says how and when", () => {
    const end = { how: "released", at } as const
    expect(decide({ ...hold, end }, later)).toEqual({ refused: "HOLD_ENDED", end })
  })

  it("is refused for a hold that never was", () => {
    expect(decide(undefined, at)).toEqual({ refused: "UNKNOWN_HOLD" })
  })
})

it("releasing gives all of it back", () => {
  const event = decideReleaseHold({ hold, ...account(15n, 10n) }, release, at)
  expect(event).toMatchObject({
    type: "HoldReleased",
    data: { hold_position: 7, released: "10" },
    account: { accountId: 3n, amount: 0n, balanceAfter: 15n },
    details: null,
  })
  if ("refused" in event) return
  expect(effectsOf(event)).toEqual([{ accountId: 3n, pending: 0n, confirmed: 0n, locked: -10n }])
})
