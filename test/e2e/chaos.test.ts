import { expect, onTestFinished, test } from "vitest"
import { runProgram } from "../chaos/run-program.ts"

test("everything but the chain is killed with -9, twice, while balances change: nothing is lost, nothing happens twice", async () => {
  const args = ["--kills", "2", "--count", "1000", "--users", "150", "--seed", "3"]
  const smoke = runProgram("smoke.ts", args, {})
  // Whatever ends the test: the stack must not stay behind.
  onTestFinished(() => smoke.kill("SIGTERM"))
  const { code, said } = await smoke.ended
  expect(said).toContain("PASSED: 2 kills")
  expect(said.match(/^ {2}ok /gm)).toHaveLength(6)
  expect(code).toBe(0)
})
