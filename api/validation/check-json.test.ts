import { expect, it } from "vitest"
import { checkJson } from "./check-json.ts"

it("lets ordinary bodies through", () => {
  for (const value of [null, true, "text 😀", 1.5, -0, 2 ** 53 - 1, [], {}, { a: [{ b: "c" }] }])
    expect(checkJson(value, 4)).toBeUndefined()
})

it.each([
  [{ a: ["x", "\u0000"] }, "MALFORMED_TEXT", "a[1]"],
  [{ a: { b: "\ud83d" } }, "MALFORMED_TEXT", "a.b"],
  [{ a: [2 ** 53] }, "INVALID_FIELD", "a[0]"],
  [JSON.parse("[1e999]") as unknown, "INVALID_FIELD", "[0]"],
  [JSON.parse('{"a":{"__proto__":1}}') as unknown, "UNKNOWN_FIELD", "a.__proto__"],
  [{ a: { b: { c: { d: {} } } } }, "BODY_TOO_DEEP", "a.b.c.d"],
])("finds what cannot be kept as it was sent: %#", (value, code, path) =>
  expect(checkJson(value, 4)).toMatchObject({ code, path }),
)

it("counts levels exactly", () => {
  expect(checkJson([[[[]]]], 4)).toBeUndefined()
  expect(checkJson([[[[[]]]]], 4)?.code).toBe("BODY_TOO_DEEP")
})
