import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { errorCodes } from "./errors.ts"

it("has every code in docs/errors.md with its status, and no other", () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/errors.md"), "utf8")
  const documented = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ])
  expect(documented).toEqual(Object.entries(errorCodes).map(([code, { status }]) => [code, status]))
})
