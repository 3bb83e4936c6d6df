import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"
import { type CliRun, runCli } from "../support/run-cli.ts"

let database: TestDatabase
let anvil: Anvil
let stranger: Server
let indexer: CliRun | undefined
beforeAll(async () => {
  database = await createTestDatabase()
  anvil = await startAnvil()
})
afterAll(async () => {
  await anvil?.stop()
  await database?.drop()
})
beforeEach(() => {
  stranger = createServer((_request, response) => response.end("the stranger"))
})
afterEach(async () => {
  indexer?.child.kill("SIGKILL")
  await indexer?.ended
  stranger.closeAllConnections()
  await new Promise((resolve) => stranger.close(resolve))
})

const listen = (port: number) =>
  new Promise<number>((resolve, reject) => {
    stranger.once("error", reject)
    stranger.listen(port, "127.0.0.1", () => resolve((stranger.address() as AddressInfo).port))
  })

const runIndexer = (port: number) =>
  runCli(["indexer"], {
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

test("the indexer says that its port is taken before it touches anything", async () => {
  const port = await listen(0)
  indexer = runIndexer(port)
  const { code, stderr } = await indexer.ended
  expect(code).toBe(1)
  expect(stderr).toContain(
    `port ${port} is taken by another program: choose another with INDEXER_PORT (0 picks a free one)`,
  )
  expect(stderr).not.toContain("starting Ponder")
})

test("a port that is taken while Ponder starts is not shown as the indexer's: it ends, and says why", async () => {
  const port = await findFreePort()
  const run = runIndexer(port)
  indexer = run
  await new Promise<void>((resolve) => {
    run.child.stderr?.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes("starting Ponder")) resolve()
    })
  })
  await listen(port)
  const { code, stdout, stderr } = await run.ended
  expect(stdout).toContain("Port in use")
  expect(stderr).toContain(`port ${port} is taken by another program`)
  expect(code).toBe(1)
})
