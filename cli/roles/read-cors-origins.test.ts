import { expect, it } from "vitest"
import { readCorsOrigins } from "./read-cors-origins.ts"

it("is nobody unless set, and exact origins", () => {
  expect([readCorsOrigins(""), readCorsOrigins(undefined)]).toEqual([[], []])
  const two = "https://console.example.com, http://localhost:5173"
  expect(readCorsOrigins(two)).toEqual(["https://console.example.com", "http://localhost:5173"])
})

it.each([
  "*",
  "null",
  "https://a.example/",
  "https://a.example:443",
  "https://A.example",
  "a.example",
  "https://*.example",
])("refuses %s", (text) => expect(() => readCorsOrigins(text)).toThrow(/CORS_ORIGINS/))
