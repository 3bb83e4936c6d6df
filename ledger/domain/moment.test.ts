import { expect, test } from "vitest"
import { parseMoment } from "./moment.ts"

test("digits are a position, an ISO time with its zone is a time", () => {
  expect(parseMoment("0")).toEqual({ position: 0n })
  expect(parseMoment("184467")).toEqual({ position: 184_467n })
  expect(parseMoment("2024-12-15T10:30:00Z")).toEqual({ time: new Date("2024-12-15T10:30:00.000Z") })
  expect(parseMoment("2024-12-15T10:30:00.1239+02:00")).toEqual({
    time: new Date("2024-12-15T08:30:00.123Z"),
  })
})

test.each([
  "",
  "-1",
  "+1",
  "007",
  "1e3",
  "1.5",
  "2024-12-15",
  "2024-12-15T10:30:00",
  "now",
  "9".repeat(19),
  "2024-13-15T10:30:00Z",
])("%j is neither", (text) => {
  expect(parseMoment(text)).toBeUndefined()
})
