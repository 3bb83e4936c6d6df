import { expect, it } from "vitest"
import { createAccountMemory, isSameMark, type KnownAccount } from "./account-memory.ts"

const headAt = (position: bigint, byte = 1) => ({ position, hash: Buffer.alloc(32, byte) })
const account = (accountId: bigint): KnownAccount => ({
  accountId,
  pending: 5n,
  confirmed: 0n,
  locked: 0n,
})

it("is true at the head that it was last told of, and keeps what a group was decided on", () => {
  const memory = createAccountMemory()()
  expect(isSameMark(memory.at(), headAt(0n))).toBe(false)
  memory.remember(headAt(0n), headAt(7n), [["ann", account(1n)]])
  memory.remember(headAt(7n), headAt(9n), [["bob", account(2n)]])
  expect(isSameMark(memory.at(), headAt(9n))).toBe(true)
  expect(memory.get("ann")).toEqual(account(1n))
  expect(memory.get("bob")).toEqual(account(2n))
})

it("forgets what is true at another head than a group was decided on, also in another log with as many events", () => {
  for (const elsewhere of [headAt(8n), headAt(7n, 2)]) {
    const memory = createAccountMemory()()
    memory.remember(headAt(0n), headAt(7n), [["ann", account(1n)]])
    memory.remember(elsewhere, headAt(9n), [["bob", account(2n)]])
    expect(memory.get("ann")).toBeUndefined()
    expect(memory.get("bob")).toEqual(account(2n))
  }
})

it("keeps ids and forgets balances where the log has gone on without us", () => {
  const memory = createAccountMemory()()
  memory.remember(headAt(0n), headAt(7n), [
    ["ann", account(1n)],
    ["bob", account(2n)],
  ])
  memory.outdate(headAt(9n))
  expect(isSameMark(memory.at(), headAt(9n))).toBe(true)
  expect([memory.get("ann"), memory.idOf("ann"), memory.idOf("cid")]).toEqual([undefined, 1n, undefined])
  memory.remember(headAt(9n), headAt(10n), [["ann", account(1n)]])
  expect([memory.get("ann"), memory.get("bob"), memory.idOf("bob")]).toEqual([account(1n), undefined, 2n])
})

it("tells whether somebody else had appended before the last group", () => {
  const memory = createAccountMemory()()
  const told = () => memory.isShared()
  memory.remember(headAt(4n), headAt(7n), [])
  expect(told()).toBe(false)
  memory.outdate(headAt(8n))
  memory.remember(headAt(8n), headAt(9n), [])
  expect(told()).toBe(true)
  memory.remember(headAt(9n), headAt(10n), [])
  expect(told()).toBe(false)
  memory.remember(headAt(11n), headAt(12n), [])
  expect(told()).toBe(true)
})

it("drops what has not been used for long, on every ledger, and keeps what has", () => {
  const memories = createAccountMemory(8)
  const [one, other] = [memories(), memories()]
  other.remember(headAt(0n), headAt(1n), [["idle", account(1n)]])
  for (let index = 0; index < 40; index += 1) {
    one.remember(headAt(BigInt(index)), headAt(BigInt(index + 1)), [
      [`user ${index}`, account(BigInt(index))],
      ["busy", account(100n)],
    ])
  }
  expect(other.get("idle")).toBeUndefined()
  expect(one.get("busy")).toEqual(account(100n))
  const kept = Array.from({ length: 40 }, (_, index) => one.get(`user ${index}`)).filter(Boolean)
  expect(kept.length).toBeLessThanOrEqual(8)
})
