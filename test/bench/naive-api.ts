// The API with the naive writer behind it, as a process of its own: tells its parent where it listens. DATABASE_URL.
import { serve } from "@hono/node-server"
import { createApi } from "../../api/app.ts"
import { createServices } from "../../api/services.ts"
import { requireEnvironment } from "../../cli/roles/environment.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createNaiveWriter } from "./naive-writer.ts"

const connectionsMax = 8

const databaseUrl = requireEnvironment("DATABASE_URL")
const applicationName = "bench-naive"
const db = createKysely<Database>(createPool({ databaseUrl, applicationName, connectionsMax: 4 }))
const writer = createNaiveWriter(createPool({ databaseUrl, applicationName, connectionsMax }))
const context = {
  db,
  writerPool: createWriterPool({ databaseUrl, applicationName }),
  databaseUrl,
  logger: createLogger("api"),
  host: "127.0.0.1",
  port: 0,
  version: "bench",
  // Requests of a thousand adjustments wait for each other's rows.
  limits: { requestTimeoutMs: 300_000 },
}
const services = {
  ...createServices(context),
  writers: { of: () => writer, stop: () => Promise.resolve() },
}
await services.start()
const app = createApi(context, services)
serve({ fetch: app.fetch, hostname: context.host, port: 0, overrideGlobalObjects: false }, ({ port }) => {
  process.send?.({ details: { url: `http://${context.host}:${port}` } })
})
process.on("disconnect", () => process.exit(0))
