import { expect, it } from "vitest"
import { canonicalJson } from "./canonical-json.ts"

it("is one text for one value, whatever the order of the members", () => {
  const a = { b: [1, { d: "x", c: null }], a: "é", left_out: undefined }
  const b = { a: "é", b: [1, { c: null, d: "x" }] }
  expect(canonicalJson(a)).toBe(canonicalJson(b))
  expect(canonicalJson(a)).toBe('{"a":"é","b":[1,{"c":null,"d":"x"}]}')
})

it("tells apart what is not the same", () => {
  const texts = [[], {}, "", 0, "0", null, [0], [[0]], { a: 1 }, { a: "1" }, { "a:1": 1 }, [1, 2], [12]].map(
    canonicalJson,
  )
  expect(new Set(texts).size).toBe(texts.length)
})
