// The API with the naive writer behind it.
import { createPool } from "../../platform/postgres.ts"
import { createNaiveWriter } from "./naive-writer.ts"
import { serveWithWriter } from "./serve-with-writer.ts"

const connectionsMax = 8

await serveWithWriter("bench-naive", ({ databaseUrl, applicationName }) => {
  const writer = createNaiveWriter(createPool({ databaseUrl, applicationName, connectionsMax }))
  return () => writer
})
