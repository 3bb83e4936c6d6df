import { expect, it } from "vitest"
import { canMove, openStates } from "./call-state.ts"

it("goes forward one step at a time, and back when the chain takes a block back", () => {
  expect(canMove("sealed", "simulated")).toBe(true)
  expect(canMove("sealed", "signed")).toBe(false)
  expect(canMove("simulated", "broadcast")).toBe(false)
  expect(canMove("mined", "broadcast")).toBe(true)
  expect(canMove("confirmed", "broadcast")).toBe(true)
  expect(canMove("confirmed", "sealed")).toBe(true)
})

it("is confirmed by the chain's logs from wherever it is", () => {
  for (const state of openStates) expect(canMove(state, "confirmed")).toBe(true)
})

it("never comes back from being cancelled, and never forgets a mined transaction without the chain", () => {
  for (const state of openStates) expect(canMove("cancelled", state)).toBe(false)
  expect(canMove("mined", "sealed")).toBe(false)
})

it("skips an anchor only as long as nothing is signed for it", () => {
  expect(openStates.filter((state) => canMove(state, "skipped"))).toEqual(["sealed", "simulated"])
  for (const state of openStates) expect(canMove("skipped", state)).toBe(false)
})
