import { setTimeout as sleep } from "node:timers/promises"
import { expect, test } from "vitest"
import { generateStream } from "../../demo/generate-stream.ts"
import { streamOperations } from "../../demo/stream-operations.ts"

const day = [...generateStream({ seed: 9, adjustments: 2_000, users: 60, quiet: 0, tokenSymbol: "CPOP" })]

test("operations of one user never overlap or overtake each other, those of others do", async () => {
  const busy = new Set<string>()
  const order = new Map<string, string[]>()
  let inFlight = 0
  let inFlightMax = 0
  await streamOperations(day, { concurrency: 8 }, async ({ operation_id: id, adjustments }) => {
    const users = new Set(adjustments.map((adjustment) => adjustment.user_id))
    for (const user of users) {
      expect(busy.has(user)).toBe(false)
      busy.add(user)
      order.set(user, [...(order.get(user) ?? []), id])
    }
    inFlightMax = Math.max(inFlightMax, ++inFlight)
    await sleep(id.length % 3)
    inFlight--
    for (const user of users) busy.delete(user)
  })
  expect(inFlightMax).toBe(8)
  for (const ids of order.values()) expect(ids).toEqual(ids.toSorted())
  expect(new Set([...order.values()].flat()).size).toBe(day.length)
})

test("the first fault ends the stream, and nothing is sent after it", async () => {
  let sent = 0
  const streaming = streamOperations(day, { concurrency: 4 }, async () => {
    await sleep(1)
    if (++sent === 20) throw new Error("broken")
  })
  await expect(streaming).rejects.toThrow("broken")
  expect(sent).toBeLessThan(25)
})
