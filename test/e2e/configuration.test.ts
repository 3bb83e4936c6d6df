import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { runCli } from "../support/run-cli.ts"
import { endStack, startStack } from "../support/stack.ts"
import { waitUntil } from "../support/wait-until.ts"

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-config-"))
  cpSync(join(import.meta.dirname, "../../config"), directory, { recursive: true })
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test("a strategy file that is edited takes effect in the running stack, and a broken one does not", async () => {
  const started = startStack(["--ephemeral", "--port", "0", "--config-dir", directory])
  const overlay = join(directory, "development", "batch_strategy.yaml")
  const notes = () => started.lines.flatMap(({ note }) => (typeof note === "string" ? [note] : []))
  try {
    const stack = await started.ready
    const optimalSize = async () => {
      const answer = await fetch(`${stack.api_url}/api/v1/tokens`, {
        headers: { authorization: `Bearer ${stack.api_key}` },
      })
      return JSON.stringify(await answer.json()).match(/"optimal_batch_size":(\d+)/)?.[1]
    }
    expect(await optimalSize()).toBe("25")
    writeFileSync(overlay, "batch_triggers:\n  CPOP:\n    optimal_batch_size: 400\n")
    await waitUntil(async () => notes().some((note) => note.includes("optimal_batch_size is 400")), {
      what: "the fault is named",
    })
    expect(await optimalSize()).toBe("25")
    writeFileSync(overlay, "batch_triggers:\n  CPOP:\n    optimal_batch_size: 31\n")
    await waitUntil(async () => (await optimalSize()) === "31", { what: "the API knows the new size" })
    // By hand it gets the same files, and nothing changes.
    expect(await runCli(["config", "apply", "--data-dir", String(stack.data_dir)], {}).ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`: ${directory} with development`),
    })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await optimalSize()).toBe("31")
  } finally {
    await endStack(started)
  }
})
