import { spawn } from "node:child_process"
import { join } from "node:path"
import { expect, test } from "vitest"
import { createBackend } from "../support/backend.ts"
import { checkShownOf } from "../support/docs/check-shown.ts"
import { endStack, startStack } from "../support/stack.ts"

const demo = join(import.meta.dirname, "..", "demo", "main.ts")

async function runDemo(args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [demo, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, said }
}

test("the demo adds up on the shipped defaults, twice on one stack, and a resumed run changes nothing", async () => {
  const started = startStack(["--ephemeral", "--port", "0"])
  try {
    const stack = await started.ready
    const { data_dir: directory } = stack
    // The batcher goes on anchoring the log meanwhile.
    const changes = async () =>
      (await createBackend(stack).readLog()).filter(({ type }) => type !== "CheckpointAnchored")
    const args = ["--data-dir", directory, "--adjustments", "600", "--users", "60"]
    const first = await runDemo([...args, "--run", "first"])
    expect(first).toMatchObject({ code: 0 })
    expect(first.said).toContain("Σ accepted = Σ API = Σ chain")
    expect(checkShownOf("README.md", "demo", first.said)).toEqual([])
    expect(first.said).toMatch(/reconciliation +drift 0 /)
    expect(first.said).toMatch(/verify +ok /)
    expect(first.said).toMatch(/users whose balances differ +0 of 60/)

    const before = await changes()
    const again = await runDemo([...args, "--run", "first"])
    expect(again).toMatchObject({ code: 0 })
    expect(again.said).toMatch(/verify +ok /)
    expect(await changes()).toEqual(before)

    const second = await runDemo([...args, "--run", "second", "--seed", "2"])
    expect(second).toMatchObject({ code: 0 })
  } finally {
    await endStack(started)
  }
})

test("without a stack the demo says how to start one", async () => {
  const { code, said } = await runDemo(["--data-dir", "/nonexistent"])
  expect(code).toBe(1)
  expect(said).toMatch(/^demo: no stack runs in \/nonexistent: start the stack with `npm start`/)
})
