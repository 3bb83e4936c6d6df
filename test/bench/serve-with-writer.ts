import { serve } from "@hono/node-server"
import { createApi } from "../../api/app.ts"
import { createServices } from "../../api/services.ts"
import { requireEnvironment } from "../../cli/roles/environment.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { LedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"

export type WriterParts = {
  readonly databaseUrl: string
  readonly applicationName: string
  readonly db: ReturnType<typeof createKysely<Database>>
  readonly writerPool: ReturnType<typeof createWriterPool>
  readonly logger: ReturnType<typeof createLogger>
}

/** The API of DATABASE_URL with another writer behind it, in a process of its own: tells its parent where it listens. */
export async function serveWithWriter(
  applicationName: string,
  writerOf: (parts: WriterParts) => (ledgerId: string) => LedgerWriter,
): Promise<void> {
  const databaseUrl = requireEnvironment("DATABASE_URL")
  const db = createKysely<Database>(createPool({ databaseUrl, applicationName, connectionsMax: 4 }))
  const writerPool = createWriterPool({ databaseUrl, applicationName })
  const logger = createLogger("api")
  const context = {
    ...{ db, writerPool, databaseUrl, logger, host: "127.0.0.1", port: 0, version: "bench" },
    // Requests of a thousand adjustments wait for each other's rows.
    limits: { requestTimeoutMs: 300_000 },
  }
  const of = writerOf({ databaseUrl, applicationName, db, writerPool, logger })
  const services = { ...createServices(context), writers: { of, stop: () => Promise.resolve() } }
  await services.start()
  const app = createApi(context, services)
  serve({ fetch: app.fetch, hostname: context.host, port: 0, overrideGlobalObjects: false }, ({ port }) => {
    process.send?.({ details: { url: `http://${context.host}:${port}` } })
  })
  process.on("disconnect", () => process.exit(0))
}
