import { describe, expect, it } from "vitest"
import { createBackOff } from "./back-off.ts"

const failing = (code: string) => () => Promise.reject(Object.assign(new Error("no"), { code }))

describe("createBackOff", () => {
  it("leaves alone for a while what has failed, and nothing else", async () => {
    let nowMs = 0
    const backOff = createBackOff(() => nowMs)
    expect(await backOff.attempt("a", failing("23514"))).toMatchObject({ message: "no" })
    expect(await backOff.attempt("b", () => Promise.resolve())).toBeNull()
    expect(backOff.waiting()).toEqual(["a"])
    nowMs = 30_000
    expect(backOff.waiting()).toEqual([])
  })

  it("throws what goes away by itself, and has others come first the next time", async () => {
    let nowMs = 0
    const backOff = createBackOff(() => nowMs)
    await expect(backOff.attempt("a", failing("40P01"))).rejects.toThrow("no")
    expect(backOff.waiting()).toEqual(["a"])
    nowMs = 3_000
    expect(backOff.waiting()).toEqual([])
  })
})
