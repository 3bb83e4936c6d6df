import { expect, onTestFinished, test } from "vitest"
import { runProgram } from "../chaos/run-program.ts"
import { checkShownOf } from "../support/docs/check-shown.ts"

/** These three have every kind of fault, the indexer's death too. */
const firstSeed = 30

// Two minutes on two cores that have nothing else to do.
const timeout = 480_000

test("three seeds of chaos: every kind of fault was provoked, and every balance is right", {
  timeout,
}, async () => {
  const campaign = runProgram("campaign.ts", ["--seed", String(firstSeed), "--runs", "3"], {})
  // Whatever ends the test: the stack must not stay behind.
  onTestFinished(() => campaign.kill("SIGTERM"))
  const { code, said } = await campaign.ended
  expect([code, said]).toEqual([0, expect.stringContaining("PASSED: 3 of 3 seeds")])
  expect(checkShownOf("docs/chaos.md", "chaos", said)).toEqual([])
})
