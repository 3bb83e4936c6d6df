import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { generateArtifacts } from "./scripts/artifacts.ts"
import { compile } from "./scripts/compile.ts"

test("the committed ABIs and bytecode are what the sources compile to", () => {
  for (const [path, content] of generateArtifacts()) {
    expect(readFileSync(join(import.meta.dirname, "..", path), "utf8"), path).toBe(content)
  }
})

test("the token's assembly uses the slots in which ERC20 keeps balances and supply", () => {
  const token = compile(["contracts/src/CPOPToken.sol"]).get("contracts/src/CPOPToken.sol:CPOPToken")
  expect(token?.storageSlots.get("_balances")).toBe(0n)
  expect(token?.storageSlots.get("_totalSupply")).toBe(2n)
})
