// The API with the plain writer behind it, as a process of its own on a ledger of its own: tells its parent where it listens.
import { serve } from "@hono/node-server"
import { createApi } from "../../api/app.ts"
import { createServices } from "../../api/services.ts"
import { requireEnvironment } from "../../cli/roles/environment.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { LedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { seedApp } from "../support/seed-registry.ts"
import { createPlainWriter } from "./plain-writer.ts"

const databaseUrl = requireEnvironment("DATABASE_URL")
const applicationName = "bench-plain"
const db = createKysely<Database>(createPool({ databaseUrl, applicationName, connectionsMax: 20 }))
const writes = createKysely<Database>(createPool({ databaseUrl, applicationName, connectionsMax: 8 }))
const writerPool = createWriterPool({ databaseUrl, applicationName })
const { apiKey } = await seedApp(db)

const writers = new Map<string, LedgerWriter>()
const logger = createLogger("api")
const context = { db, writerPool, databaseUrl, logger, host: "127.0.0.1", port: 0, version: "bench" }
const services = {
  ...createServices(context),
  writers: {
    of(ledgerId: string): LedgerWriter {
      const writer =
        writers.get(ledgerId) ?? createPlainWriter(writes, ledgerId, createTokenDirectory(db, ledgerId))
      writers.set(ledgerId, writer)
      return writer
    },
    stop: () => Promise.resolve(),
  },
}
await services.start()
const app = createApi(context, services)
serve({ fetch: app.fetch, hostname: context.host, port: 0, overrideGlobalObjects: false }, ({ port }) => {
  process.send?.({ apiUrl: `http://${context.host}:${port}`, apiKey })
})
process.on("disconnect", () => process.exit(0))
