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

it("is cancelled by them from wherever it is, and comes back only where a reorganisation takes that back", () => {
  for (const state of openStates) expect(canMove(state, "cancelled")).toBe(true)
  expect(canMove("confirmed", "cancelled")).toBe(false)
  expect(openStates.filter((state) => canMove("cancelled", state))).toEqual([
    "sealed",
    "simulated",
    "broadcast",
  ])
  expect(canMove("cancelled", "dead_letter")).toBe(true)
})

it("never forgets a mined transaction without the chain", () => {
  expect(canMove("mined", "sealed")).toBe(false)
})

it("skips an anchor only as long as nothing is signed for it", () => {
  expect(openStates.filter((state) => canMove(state, "skipped"))).toEqual(["sealed", "simulated"])
  expect(openStates.filter((state) => canMove("skipped", state))).toEqual(["sealed"])
})
