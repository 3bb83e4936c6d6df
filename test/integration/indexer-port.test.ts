import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"
import { type CliRun, runCli } from "../support/run-cli.ts"
import { waitUntil } from "../support/wait-until.ts"

let database: TestDatabase
let anvil: Anvil
const strangers = new Set<Server>()
const sockets = new Set<Socket>()
let indexer: CliRun | undefined
let log = ""
beforeAll(async () => {
  database = await createTestDatabase()
  anvil = await startAnvil()
})
afterAll(async () => {
  await anvil?.stop()
  await database?.drop()
})
afterEach(async () => {
  indexer?.child.kill("SIGKILL")
  await indexer?.ended
  for (const socket of sockets) socket.destroy()
  for (const stranger of strangers) await new Promise((resolve) => stranger.close(resolve))
  strangers.clear()
})

/** Somebody else, who takes connections and says nothing. */
const listen = (port: number) =>
  new Promise<number>((resolve, reject) => {
    const stranger = createServer((socket) => sockets.add(socket))
    stranger.once("error", reject)
    stranger.listen(port, "127.0.0.1", () => {
      strangers.add(stranger)
      resolve((stranger.address() as AddressInfo).port)
    })
  })

function runIndexer(port: number): CliRun {
  const run = runCli(["indexer"], {
    DATABASE_URL: database.indexerUrl,
    INDEXER_PORT: String(port),
    INDEXER_SOURCES: JSON.stringify({
      chains: [
        {
          ...{ chain_id: 31_337, rpc_urls: [anvil.rpcUrl], polling_interval_ms: 100, start_block: 0 },
          tokens: [`0x${"70".repeat(20)}`],
        },
      ],
    }),
  })
  indexer = run
  log = ""
  // Ponder's own lines and ours.
  for (const stream of [run.child.stdout, run.child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      log += chunk.toString()
    })
  return run
}

/** The port of our line with this message. */
const portIn = (message: string): Promise<number> =>
  waitUntil(
    async () => {
      const port = new RegExp(`"role":"indexer".*"port":(\\d+).*"${message}"`).exec(log)?.[1]
      if (port !== undefined) return Number(port)
      if (indexer?.child.exitCode == null) return false
      throw new Error(`the indexer ended with ${indexer.child.exitCode}: ${log}`)
    },
    { what: `the indexer says: ${message}`, describe: () => Promise.resolve(log) },
  )

test("the indexer says that its port is taken before it touches anything", async () => {
  const port = await listen(0)
  const { code, stderr } = await runIndexer(port).ended
  expect(code).toBe(1)
  expect(stderr).toContain(
    `port ${port} is taken by another program: choose another with INDEXER_PORT (0 picks a free one)`,
  )
  expect(stderr).not.toContain("starting Ponder")
})

test("where its port is taken while Ponder starts, it ends and says why", async () => {
  const port = await findFreePort()
  const run = runIndexer(port)
  expect(await portIn("starting Ponder")).toBe(port)
  await listen(port)
  const { code, stdout, stderr } = await run.ended
  expect(stdout).toContain("Port in use")
  expect(stderr).toContain(`port ${port} is taken by another program`)
  expect(code).toBe(1)
})

test("where no port is its own, it tells which one Ponder has taken", async () => {
  let [wanted, taken] = [0, 0]
  // Ponder bears one port that is taken, and no second one: the indexer ends, to be started again.
  for (let attempt = 1; taken === 0; attempt += 1) {
    runIndexer(0)
    wanted = await portIn("starting Ponder")
    await listen(wanted)
    taken = await portIn("ready").catch((error: unknown) => {
      if (attempt === 4 || !log.includes("EADDRINUSE")) throw error
      return 0
    })
  }
  expect(taken).toBeGreaterThan(wanted)
  expect((await fetch(`http://127.0.0.1:${taken}/ready`)).status).toBe(200)
})

test("where the port after it is taken as well, it ends with the code after which it is started again", async () => {
  const run = runIndexer(0)
  const wanted = await portIn("starting Ponder")
  await Promise.all([listen(wanted), listen(wanted + 1).catch(() => undefined)])
  expect((await run.ended).code).toBe(75)
  expect(log).toContain("EADDRINUSE")
})
