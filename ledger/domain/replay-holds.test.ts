import { describe, expect, it } from "vitest"
import type { NewEvent, NewEventOf } from "./events.ts"
import { common, TestLog } from "./test-log.ts"

const change = {
  reason_type: "reward",
  business_type: "reward",
  priority: "normal",
  is_immediate: false,
  max_wait_ms: null,
  business_batch_id: null,
} as const
const soon = new Date(common.occurredAt.getTime() + 60_000)

/** Account 1 has 100, account 2 has 50. */
function startLog(): TestLog {
  const log = new TestLog()
  log.open()
  log.open()
  log.adjust(1, 100n)
  log.adjust(2, 50n)
  return log
}

const on = (log: TestLog, accountId: number, amount = 0n) => ({
  accountId: BigInt(accountId),
  amount,
  balanceAfter: log.pending(accountId) + amount,
})
const place = (log: TestLog, amount = "30"): number =>
  log.add({
    ...common,
    type: "HoldPlaced",
    data: { ...change, amount, expires_at: soon.toISOString() },
    account: on(log, 1),
  })
const capture = (log: TestLog, hold: number, more: Partial<NewEventOf<"HoldCaptured">> = {}): number =>
  log.add({
    ...common,
    type: "HoldCaptured",
    data: { ...change, hold_position: hold, captured: "20", released: "10" },
    account: on(log, 1, -20n),
    ...more,
  })
const end = (
  log: TestLog,
  hold: number,
  type: "HoldReleased" | "HoldExpired",
  more: Partial<NewEvent> = {},
) =>
  log.add({
    ...common,
    type,
    occurredAt: type === "HoldExpired" ? soon : common.occurredAt,
    data: { hold_position: hold, released: "30" },
    account: on(log, 1),
    ...more,
  } as NewEvent)
const reverse = (log: TestLog, position: number, accountId: number, amount: bigint): number =>
  log.add({
    ...common,
    type: "AdjustmentReversed",
    data: { ...change, confirmed_after: "0", reversed_position: position },
    account: on(log, accountId, amount),
  })
const figures = (log: TestLog) => {
  const account = log.replay.accounts.get(1n)
  return [account?.pending, account?.locked, account?.unsettled]
}

describe("a replay", () => {
  it("locks what is held until the hold is captured, released or over, and counts a capture as unsettled", () => {
    const log = startLog()
    const [first, second, third] = [place(log), place(log), place(log)]
    expect(figures(log)).toEqual([100n, 90n, 100n])
    capture(log, first)
    end(log, second, "HoldReleased")
    expect(figures(log)).toEqual([80n, 30n, 80n])
    end(log, third, "HoldExpired")
    expect(figures(log)).toEqual([80n, 0n, 80n])
    expect(log.replay.openHolds.size).toBe(0)
    reverse(log, first + 3, 1, 20n)
    expect(figures(log)).toEqual([100n, 0n, 100n])
  })

  it.each<[string, RegExp, (log: TestLog) => void]>([
    [
      "a hold that ends twice",
      /there is no open hold of position 5/,
      (log) => {
        place(log)
        capture(log, 5)
        end(log, 5, "HoldReleased")
      },
    ],
    ["the end of a hold that never was", /there is no open hold of position 3/, (log) => capture(log, 3)],
    [
      "the end of somebody else's hold",
      /the hold of position 5 is on account 1/,
      (log) => {
        place(log)
        capture(log, 5, { account: on(log, 2, -20n) })
      },
    ],
    [
      "an end that leaves something of the hold",
      /keeps 31, and 20 \+ 10 of it end/,
      (log) => capture(log, place(log, "31")),
    ],
    [
      "a capture that takes another amount than it says",
      /a capture of 20 moves the account by -19/,
      (log) => capture(log, place(log), { account: on(log, 1, -19n) }),
    ],
    [
      "a capture of a hold whose time is over",
      /lasts until 2023-11-14T22:14:20.000Z, and a HoldCaptured ends it at 2023-11-14T22:14:20.000Z/,
      (log) => capture(log, place(log), { occurredAt: soon }),
    ],
    [
      "an expiry before the time is over",
      /and a HoldExpired ends it at 2023-11-14T22:14:19.999Z/,
      (log) => end(log, place(log), "HoldExpired", { occurredAt: new Date(soon.getTime() - 1) }),
    ],
    [
      "a hold that moves the balance",
      /a hold that changes the balance when it is placed|says that it moves account 1 by -1 and does not/,
      (log) =>
        log.add({
          ...common,
          type: "HoldPlaced",
          data: { ...change, amount: "1", expires_at: soon.toISOString() },
          account: on(log, 1, -1n),
        }),
    ],
    [
      "a second reversal",
      /position 3 is reversed already/,
      (log) => {
        reverse(log, 3, 1, -100n)
        reverse(log, 3, 1, -100n)
      },
    ],
    [
      "a reversal of a reversal",
      /position 5 is no change that can be reversed/,
      (log) => {
        reverse(log, 3, 1, -100n)
        reverse(log, 5, 1, 100n)
      },
    ],
    ["a reversal of what is no change", /position 1 is no change/, (log) => reverse(log, 1, 1, 0n)],
    ["a reversal of what comes later", /position 9 is no change/, (log) => reverse(log, 9, 1, -1n)],
    [
      "a reversal of another amount",
      /position 3 moved account 1 by 100: this is not its opposite/,
      (log) => reverse(log, 3, 1, -99n),
    ],
    [
      "a reversal on another account",
      /position 3 moved account 1 by 100: this is not its opposite/,
      (log) => reverse(log, 3, 2, -100n),
    ],
  ])("refuses %s", (_, fault, build) => {
    expect(() => build(startLog())).toThrow(fault)
  })
})
