import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { stepsOfEveryCall } from "../../batcher/batcher-context.ts"
import { operationOf } from "../support/backend.ts"
import { expectBooksBalance } from "../support/expect-books-balance.ts"
import { type FaultStack, startFaultStack } from "../support/fault-stack.ts"
import { sampled } from "../support/sampled.ts"
import { waitUntil } from "../support/wait-until.ts"

const unit = 10n ** 18n

describe("the batcher killed with -9", () => {
  let faults: FaultStack
  let directory: string
  let dieAt: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "chainbridge-die-at-"))
    dieAt = join(directory, "step")
    faults = await startFaultStack({
      program: fileURLToPath(new URL("../support/start-with-fault-points.ts", import.meta.url)),
      environment: { TEST_DIE_AT: dieAt },
    })
  })
  afterAll(async () => {
    await faults.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test.each(sampled(stepsOfEveryCall, 2))(
    "at %s: what it had begun is finished by the next one, once",
    async (step) => {
      const { backend } = faults
      writeFileSync(dieAt, step)
      await backend.record(
        operationOf([
          ["ann", 1_000n * unit],
          ["ann", -1n],
          [`user-of-${step}`, 5n * unit],
        ]),
      )
      await waitUntil(async () => !existsSync(dieAt), {
        what: `the batcher died at ${step}`,
        timeoutMs: 60_000,
        describe: async () => faults.said(),
      })
      // While nobody settles, the backend goes on.
      await backend.record(operationOf([["bob", unit]], "reward"))
      await expectBooksBalance(faults.stack(), backend)
      expect(faults.said()).toMatch(/batcher ended \(SIGKILL\)/)
    },
  )
})
