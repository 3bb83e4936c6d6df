import { expect, it } from "vitest"
import { copyBytes, copyText, copyTime } from "./copy-statement.ts"

it("escapes what ends a field, a row or an escape, and nothing else", () => {
  expect(copyText('a\tb\nc\\d\re "é" \\N \\.')).toBe('a\\tb\\nc\\\\d\\re "é" \\\\N \\\\.')
  expect(copyText("plain")).toBe("plain")
  expect(copyText(null)).toBe("\\N")
})

it("writes bytes as hex behind an escaped backslash", () => {
  expect(copyBytes(Buffer.from([0, 255]))).toBe("\\\\x00ff")
  expect(copyBytes(null)).toBe("\\N")
})

it("writes every time as what it is", () => {
  const times = ["2026-01-31T08:15:30.123Z", "2026-01-31T08:15:30.124Z", "2026-01-31T08:15:30.123Z"]
  expect(times.map((time) => copyTime(new Date(time)))).toEqual(times)
})
