import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readStackFile, type StackFile } from "../../cli/stack/stack-file.ts"
import { type Backend, createBackend, operationOf } from "../support/backend.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"
import { type ChainControl, controlChain } from "../support/chain-control.ts"
import { expectBooksBalance } from "../support/expect-books-balance.ts"
import { createOutsider, type Outsider } from "../support/outsider.ts"
import { endStack, type StartedStack, startStack } from "../support/stack.ts"
import { waitUntil } from "../support/wait-until.ts"

const unit = 10n ** 18n
/** Far below what the indexer takes for final: here that is between 30 and 60 blocks under the newest one. */
const deepBlocks = 100

describe("a local chain that comes back without its newest blocks", { timeout: 240_000 }, () => {
  let parent: string
  let directory: string
  let started: StartedStack
  let stack: StackFile
  let backend: Backend
  let chain: ChainControl
  let outsider: Outsider

  const launch = async () => {
    started = startStack(["--port", "0", "--data-dir", directory])
    stack = await started.ready
    chain = controlChain(stack)
  }
  beforeAll(async () => {
    parent = mkdtempSync(join(tmpdir(), "chainbridge-tail-"))
    directory = join(parent, "data")
    await launch()
    backend = createBackend(stack)
    outsider = await createOutsider(stack, backend)
  }, 120_000)
  afterAll(async () => {
    await endStack(started)
    rmSync(parent, { recursive: true, force: true })
  })

  const balanced = () => expectBooksBalance(stack, backend, outsider)
  const state = (file: string) => join(directory, "chain", file)
  const logged = async (type: string) =>
    (await backend.readLog()).filter((line) => line["type"] === type).length

  /** Keeps the chain's saved state as it is when it has the block that is the newest one now. */
  async function keepDump(): Promise<bigint> {
    const head = await chain.head()
    // One was written after this block was there, and another one may have been half way before.
    await waitUntil(async () => (await chain.head()) >= head + 6n, { what: "the state is saved" })
    copyFileSync(state("state.json.gz"), join(parent, "kept.json.gz"))
    return head
  }

  /** Puts the kept state in the place of whatever was saved since. */
  function restoreDump(): void {
    for (const file of ["state.json.gz", "state.older.json.gz", "state.exit.json"])
      rmSync(state(file), { force: true })
    copyFileSync(join(parent, "kept.json.gz"), state("state.json.gz"))
  }

  async function work(name: string): Promise<void> {
    await backend.record(
      operationOf([
        ["ann", 50n * unit],
        [name, 7n * unit],
      ]),
    )
    await outsider.deposit(name, 11n)
    await outsider.depositOnce(name, 13n)
    await backend.record(operationOf([["ann", -3n * unit]]))
    await balanced()
  }

  const mine = (blocks: number) => callJsonRpc(stack.rpc_url, "anvil_mine", [`0x${blocks.toString(16)}`])

  /** Everything of the tail is taken back, and what can come back does. */
  async function healed(revokedBefore: number): Promise<void> {
    await waitUntil(async () => (await logged("ConfirmationRevoked")) > revokedBefore, {
      what: "confirmations are taken back",
      timeoutMs: 90_000,
    })
    await outsider.land()
    await balanced()
  }

  test("killed with -9 and restored from its last dump", async () => {
    await work("bob")
    const pid = readStackFile(directory)?.pids["anvil"] ?? 0
    await backend.record(operationOf([["bob", 2n * unit]]))
    process.kill(pid, "SIGKILL")
    await waitUntil(async () => started.lines.some(({ note }) => note === "the local chain is back"), {
      what: "the chain is back",
      timeoutMs: 60_000,
    })
    await outsider.land()
    await balanced()
  })

  test("killed with -9 and restored from a dump of long ago, under a stack that runs", async () => {
    await work("carl")
    const kept = await keepDump()
    await work("dan")
    await mine(deepBlocks)
    await work("eve")
    const revokedBefore = await logged("ConfirmationRevoked")
    const pid = readStackFile(directory)?.pids["anvil"] ?? 0
    // It is started again at once when it is gone, and a chain that stands still is not saved any more.
    process.kill(pid, "SIGSTOP")
    await sleep(500)
    restoreDump()
    process.kill(pid, "SIGKILL")
    await waitUntil(async () => (await chain.head().catch(() => 10n ** 9n)) < kept + BigInt(deepBlocks), {
      what: "the chain has lost its tail",
      timeoutMs: 60_000,
      describe: () => Promise.resolve(started.lines.slice(-5)),
    })
    await backend.record(operationOf([["fay", 5n * unit]]))
    await healed(revokedBefore)
    expect(started.child.exitCode).toBeNull()
  })

  test("restored from a dump of long ago while everything was down", async () => {
    await keepDump()
    await work("gus")
    await mine(deepBlocks)
    await work("hal")
    const revokedBefore = await logged("ConfirmationRevoked")
    await endStack(started)
    expect(existsSync(state("state.exit.json"))).toBe(true)
    restoreDump()
    await launch()
    backend.moveTo(stack)
    expect(started.lines.some(({ note }) => /lost its newest blocks/.test(String(note)))).toBe(true)
    await healed(revokedBefore)
  })
})
