import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type ApiServer, startApiServer } from "../../../api/api-server.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"

let loop: LoopFixture
let server: ApiServer
let writerPool: ReturnType<typeof createWriterPool>
beforeAll(async () => {
  loop = await createLoopFixture()
  await loop.follow()
  writerPool = createWriterPool({ databaseUrl: loop.database.appUrl, applicationName: "test-writer" })
  server = await startApiServer({
    db: loop.db,
    writerPool,
    logger: createLogger("api", "silent"),
    host: "127.0.0.1",
    port: 0,
    version: "0.0.0-test",
    limits: { laneMaxAgeMs: 100 },
    rpc: {
      headBlock: () => loop.chain.getBlockNumber({ cacheTime: 0 }),
      isDeployed: () => Promise.reject(new Error("not asked")),
      balanceOf: () => Promise.reject(new Error("not asked")),
    },
  })
})
afterAll(async () => {
  await server?.stop()
  await writerPool?.end()
  await loop?.close()
})

async function health() {
  const response = await fetch(`${server.url}/api/v1/system/health`)
  const body = (await response.json()) as { data: { status: string; components: Record<string, unknown> } }
  return { status: body.data.status, indexer: body.data.components["indexer"] }
}

async function beat(): Promise<void> {
  for (const role of ["worker", "batcher"])
    await sql`
      INSERT INTO registry.processes (process_id, role, pid, host, version, started_at, heartbeat_at, details)
      VALUES (${randomUUID()}, ${role}, 1, 'host', '0', now(), now(), '{}')`.execute(loop.db)
}

test("an indexer that has finished the chain's blocks is healthy, and so is the whole", async () => {
  await loop.indexed()
  await beat()
  await expect.poll(health).toEqual({ status: "healthy", indexer: "healthy" })
})

test("one that stands still while the chain goes on is degraded, and healthy again when it has caught up", async () => {
  await loop.killPonder()
  await loop.mine(30)
  await new Promise((resolve) => setTimeout(resolve, 300))
  await beat()
  await expect.poll(async () => (await health()).indexer).toBe("healthy")
  await loop.mine(1)
  await expect.poll(health).toEqual({ status: "degraded", indexer: "degraded" })
  await loop.startPonder()
  await loop.indexed()
  await expect.poll(async () => (await health()).indexer).toBe("healthy")
})

test("one whose views are gone is unhealthy", async () => {
  await loop.killPonder()
  await sql`SELECT 1 FROM chain.head`.execute(loop.db)

  const indexer = new pg.Client({ connectionString: loop.database.indexerUrl })
  await indexer.connect()
  await indexer.query("DROP VIEW chain.head")
  await indexer.end()
  await expect.poll(health).toEqual({ status: "degraded", indexer: "unhealthy" })
})
