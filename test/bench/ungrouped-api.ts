// The API as it ships, except that no request shares its transaction with another one: what grouping brings.
import {
  createLedgerWriter,
  defaultWriterLimits,
  type LedgerWriter,
} from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { serveWithWriter } from "./serve-with-writer.ts"

const limits = { ...defaultWriterLimits, groupRequestsMax: 1 }

await serveWithWriter("bench-ungrouped", ({ db, writerPool, logger }) => {
  const writers = new Map<string, LedgerWriter>()
  return (ledgerId) => {
    const known = writers.get(ledgerId)
    if (known !== undefined) return known
    const tokens = createTokenDirectory(db, ledgerId)
    const writer = createLedgerWriter({ db, writerPool, ledgerId, tokens, logger, limits })
    writers.set(ledgerId, writer)
    return writer
  }
})
