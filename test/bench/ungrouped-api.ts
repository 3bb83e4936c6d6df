// The API as it ships, except that no request shares its transaction with another one: what grouping brings.
import { createLedgerWriters } from "../../api/ledger/ledger-writers.ts"
import { defaultWriterLimits } from "../../ledger/writer/ledger-writer.ts"
import { serveWithWriter } from "./serve-with-writer.ts"

const limits = { ...defaultWriterLimits, groupRequestsMax: 1 }

await serveWithWriter(
  "bench-ungrouped",
  ({ db, writerPool, logger }) => createLedgerWriters({ db, writerPool, logger, limits }).of,
)
