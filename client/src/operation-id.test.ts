import { expect, it } from "vitest"
import { newOperationId } from "./operation-id.ts"

it("is a UUID of version 7 with the time in front, and never the same", () => {
  const before = Date.now()
  const ids = Array.from({ length: 1_000 }, newOperationId)
  for (const id of ids) {
    expect(id).toMatch(/^op_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const time = Number(`0x${id.slice(3).replaceAll("-", "").slice(0, 12)}`)
    expect(time).toBeGreaterThanOrEqual(before)
    expect(time).toBeLessThanOrEqual(Date.now())
  }
  expect(new Set(ids).size).toBe(ids.length)
})
