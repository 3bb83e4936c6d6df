import { expect, it } from "vitest"
import { entityTag } from "./entity-tag.ts"

const tag = (value: unknown, ages: readonly string[] = ["sync_lag", "head_lag"]): string =>
  entityTag(JSON.stringify(value), ages)

it("is another one for another answer, and weak", () => {
  expect(tag({ a: 1 })).toMatch(/^W\/"[\w-]{27}"$/)
  expect(tag({ a: 1 })).toBe(tag({ a: 1 }))
  expect(tag({ a: 1 })).not.toBe(tag({ a: 2 }))
})

it("is the same while something grows a little older, and another one before it is twice as old", () => {
  const of = (sync_lag: number | null) => tag({ balances: [{ sync_lag, head_lag: 2 }] })
  expect(of(0)).toBe(of(1.5))
  expect(of(1)).toBe(of(16))
  expect(of(16)).not.toBe(of(17))
  expect(of(33)).toBe(of(64))
  for (let age = 17; age < 100_000; age = Math.ceil(age * 1.1)) expect(of(age)).not.toBe(of(2 * age))
  expect(of(0)).not.toBe(of(null))
})

it("is not led astray by a text that looks like an age, nor by one that is none here", () => {
  const note = (text: string) => tag({ reason_detail: text })
  expect(note('"sync_lag":1')).not.toBe(note('"sync_lag":2'))
  expect(note('\\"sync_lag":1')).not.toBe(note('\\"sync_lag":2'))
  expect(tag({ sync_lag: 1 }, [])).not.toBe(tag({ sync_lag: 2 }, []))
  expect(tag({ uptime: 1 })).not.toBe(tag({ uptime: 2 }))
})
