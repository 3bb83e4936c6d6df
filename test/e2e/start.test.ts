import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readStackFile, type StackFile, stackFilePath } from "../../cli/stack/stack-file.ts"
import { awaitNoProcesses, endStack, startStack } from "../support/stack.ts"

let parent: string
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), "chainbridge-e2e-"))
})
afterAll(() => rmSync(parent, { recursive: true, force: true }))

function call(stack: StackFile, path: string, body?: unknown): Promise<Response> {
  return fetch(`${stack.api_url}/api/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${stack.api_key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

const reward = {
  adjustments: [{ user_id: "user_1", token_symbol: "CPOP", amount: "+100", reason_type: "reward" }],
}

describe("one command", () => {
  test("an ephemeral stack gets ready, answers, and SIGTERM leaves neither process nor file", async () => {
    const started = startStack(["--ephemeral", "--port", "0"])
    try {
      const stack = await started.ready
      const steps = started.lines.flatMap((line) => (typeof line["step"] === "string" ? [line["step"]] : []))
      expect(steps.sort()).toEqual(
        ["api", "batcher", "chain", "contracts", "database", "indexer", "registry", "worker"].sort(),
      )
      expect(
        started.lines.every((line) => line["step"] === undefined || typeof line["ms"] === "number"),
      ).toBe(true)
      expect(statSync(stackFilePath(stack.data_dir)).mode & 0o777).toBe(0o600)
      const answer = await call(stack, "/balance/adjust", reward)
      expect(answer.status).toBe(200)
      expect(await answer.json()).toMatchObject({ data: { status: "recorded" } })

      const began = Date.now()
      started.child.kill("SIGTERM")
      expect(await started.ended).toBe(0)
      expect(Date.now() - began).toBeLessThan(30_000)
      expect(await awaitNoProcesses(stack.data_dir, stack.pids, 0)).toEqual([])
      expect(existsSync(stack.data_dir)).toBe(false)
    } finally {
      await endStack(started)
    }
  })

  test("kill -9 of start leaves no process, and the next start resumes where it was", async () => {
    const directory = join(parent, "resumed")
    const first = startStack(["--port", "0", "--data-dir", directory])
    const before = await first.ready
    await call(before, "/balance/adjust", reward)
    first.child.kill("SIGKILL")
    expect(await first.ended).toBe("SIGKILL")
    expect(await awaitNoProcesses(directory, before.pids)).toEqual([])

    const second = startStack(["--port", "0", "--data-dir", directory])
    try {
      const after = await second.ready
      for (const key of ["api_key", "token_address", "wallet_manager", "ledger_id"] as const) {
        expect(after[key]).toBe(before[key])
      }
      expect(second.lines).toContainEqual(
        expect.objectContaining({ step: "contracts", detail: "already deployed" }),
      )
      const again = await call(after, "/balance/adjust", reward)
      const { data } = (await again.json()) as { data: { balances: unknown[] } }
      expect(data.balances[0]).toMatchObject({
        balance_before: "100.000000000000000000",
        balance_after: "200.000000000000000000",
      })
    } finally {
      await endStack(second)
    }
    expect(await awaitNoProcesses(directory, before.pids, 0)).toEqual([])
    expect(readStackFile(directory)?.pids).toEqual({})

    // The chain's saved states are gone: what runs now is another chain, and nothing may settle on it.
    rmSync(join(directory, "chain"), { recursive: true })
    const third = startStack(["--port", "0", "--data-dir", directory])
    expect(await third.ended).toBe(1)
    expect(third.stderr()).toMatch(/another chain than the one this ledger settles on .* --data-dir/)
    expect(await awaitNoProcesses(directory, {}, 0)).toEqual([])
  })

  test("a second Ctrl-C is done at once, and the chain and PostgreSQL still end cleanly", async () => {
    const directory = join(parent, "twice")
    const started = startStack(["--port", "0", "--data-dir", directory])
    const stack = await started.ready
    started.child.kill("SIGINT")
    await waitForNote(started, "SIGINT: stopping")
    started.child.kill("SIGINT")
    expect(await started.ended).toBe(130)
    expect(await awaitNoProcesses(directory, stack.pids)).toEqual([])
    expect(readFileSync(join(directory, "logs", "postgres.log"), "utf8")).toMatch(
      /database system is shut down\s*$/,
    )
    // The one that anvil writes itself at the end.
    expect(existsSync(join(directory, "chain", "state.exit.json"))).toBe(true)
  })

  test("nobody reads its output any more, and it goes on and ends as always", async () => {
    const started = startStack(["--ephemeral", "--port", "0"])
    try {
      const stack = await started.ready
      started.child.stdout?.destroy()
      started.child.stderr?.destroy()
      process.kill(stack.pids["worker"] ?? 0, "SIGKILL")
      await sleep(1_000)
      expect((await call(stack, "/balance/adjust", reward)).status).toBe(200)
      started.child.kill("SIGTERM")
      expect(await started.ended).toBe(0)
      expect(existsSync(stack.data_dir)).toBe(false)
    } finally {
      await endStack(started)
    }
  })

  test("whatever is killed comes back, or start says so and takes everything along", async () => {
    const directory = join(parent, "killed")
    const started = startStack(["--port", "0", "--data-dir", directory])
    try {
      const stack = await started.ready
      process.kill(stack.pids["api"] ?? 0, "SIGKILL")
      await waitForNote(started, "api is back")
      expect((await call(stack, "/balance/adjust", reward)).status).toBe(200)

      process.kill(stack.pids["postgres"] ?? 0, "SIGKILL")
      await waitForNote(started, "PostgreSQL is back")
      await waitForNote(started, "indexer is back")
      expect((await call(stack, "/balance/adjust", reward)).status).toBe(200)

      const { pids } = readStackFile(directory) ?? stack
      expect(pids["postgres"]).not.toBe(stack.pids["postgres"])
      const second = startStack(["--port", "0", "--data-dir", directory])
      expect(await second.ended).toBe(1)
      expect(second.stderr()).toContain(`${directory} is in use by process ${started.child.pid}`)

      process.kill(stack.pids["guard"] ?? 0, "SIGKILL")
      expect(await started.ended).toBe(1)
      expect(started.stderr()).toContain("the guard process ended (SIGKILL)")
      expect(await awaitNoProcesses(directory, pids)).toEqual([])
    } finally {
      await endStack(started)
    }
  })
})

describe("what stops a start gets one clear sentence, and nothing is left half-started", () => {
  test("a port that is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const { port } = server.address() as AddressInfo
    const directory = join(parent, "port")
    const started = startStack(["--port", String(port), "--data-dir", directory])
    expect(await started.ended).toBe(1)
    expect(started.stderr()).toBe(
      `chainbridge: port ${port} is taken by another program: choose another with --port (0 picks a free one)\n`,
    )
    expect(existsSync(directory)).toBe(false)
    server.close()
  })

  test("a data directory of another version, and a directory that is none", async () => {
    const other = join(parent, "version")
    mkdirSync(other)
    writeFileSync(join(other, "format"), "7\n")
    const first = startStack(["--port", "0", "--data-dir", other])
    expect(await first.ended).toBe(1)
    expect(first.stderr()).toContain("was made by another version of ChainBridge (data format 7")

    const foreign = join(parent, "foreign")
    mkdirSync(foreign)
    writeFileSync(join(foreign, "letter.txt"), "dear")
    const second = startStack(["--port", "0", "--data-dir", foreign])
    expect(await second.ended).toBe(1)
    expect(second.stderr()).toContain("is not empty and not a ChainBridge data directory")
  })

  test("an RPC endpoint and a database that do not answer", async () => {
    const directory = join(parent, "rpc")
    const first = startStack(["--port", "0", "--data-dir", directory, "--rpc-url", "http://127.0.0.1:9/key"])
    expect(await first.ended).toBe(1)
    expect(first.stderr()).toContain("no chain answers at 127.0.0.1:9: check --rpc-url")
    expect(first.stderr()).not.toContain("/key")
    expect(existsSync(directory)).toBe(false)

    const second = startStack(["--port", "0", "--data-dir", directory], {
      DATABASE_URL: "postgres://me:secret@127.0.0.1:9/none",
    })
    expect(await second.ended).toBe(1)
    expect(second.stderr()).toContain("the database of DATABASE_URL (127.0.0.1:9) does not let us in")
    expect(second.stderr()).not.toContain("secret")
    expect(await awaitNoProcesses(directory, {}, 0)).toEqual([])
  })

  test("a DATABASE_URL that is none", async () => {
    const directory = join(parent, "no-url")
    const started = startStack(["--port", "0", "--data-dir", directory], { DATABASE_URL: "secret" })
    expect(await started.ended).toBe(1)
    expect(started.stderr()).toBe(
      "chainbridge: DATABASE_URL is not a URL of PostgreSQL; allowed: postgres://user:password@host:port/database\n",
    )
    expect(existsSync(directory)).toBe(false)
  })

  test("a configuration that is wrong", async () => {
    const started = startStack(["--port", "none", "--data-dir", join(parent, "config")])
    expect(await started.ended).toBe(1)
    expect(started.stderr()).toContain('--port is "none"; allowed: 0 (any free one) to 65535')
  })
})

async function waitForNote(started: ReturnType<typeof startStack>, text: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    if (started.lines.some((line) => line["note"] === text)) return
    await sleep(100)
  }
  throw new Error(`no note "${text}" among ${JSON.stringify(started.lines)}`)
}
