import { expect, it } from "vitest"
import { groupReads } from "./group-reads.ts"

function setUp(keysMax = 3) {
  const asked: { readonly keys: readonly string[]; answer(): void; fail(): void }[] = []
  const reads = groupReads<string, string>({
    underWayMax: 1,
    keysMax,
    readAll: (keys) =>
      new Promise((resolve, reject) => {
        asked.push({
          keys,
          answer: () => resolve((key) => `value of ${key}`),
          fail: () => reject(new Error("no answer")),
        })
      }),
  })
  return { reads, asked, turn: () => new Promise((resolve) => setImmediate(resolve)) }
}

it("asks at once for the first, and for all that come meanwhile together", async () => {
  const { reads, asked, turn } = setUp()
  const first = reads.read("a")
  await turn()
  const later = ["b", "c", "b", "d", "e"].map((key) => reads.read(key))
  await turn()
  expect(asked.map(({ keys }) => keys)).toEqual([["a"]])
  asked[0]?.answer()
  expect(await first).toBe("value of a")
  await turn()
  asked[1]?.answer()
  await turn()
  asked[2]?.answer()
  expect(asked.map(({ keys }) => keys)).toEqual([["a"], ["b", "c", "d"], ["e"]])
  expect(await Promise.all(later)).toEqual(["b", "c", "b", "d", "e"].map((key) => `value of ${key}`))
})

it("asks again for a key that is being asked for: that answer may be older than the question", async () => {
  const { reads, asked, turn } = setUp()
  const first = reads.read("a")
  await turn()
  const second = reads.read("a")
  expect(second).not.toBe(first)
  asked[0]?.answer()
  await first
  await turn()
  expect(asked).toHaveLength(2)
  asked[1]?.answer()
  await second
})

it("tells everybody of a failure, and goes on", async () => {
  const { reads, asked, turn } = setUp()
  const both = [reads.read("a"), reads.read("b")]
  await turn()
  asked[0]?.fail()
  for (const read of both) await expect(read).rejects.toThrow("no answer")
  const next = reads.read("a")
  await turn()
  asked[1]?.answer()
  expect(await next).toBe("value of a")
})
