import { expect, it } from "vitest"
import { createLedgerTail } from "../../../../api/live/ledger-tail.ts"
import { openSubscription } from "../../../../api/live/live-subscription.ts"
import { createLiveReader } from "../../../../api/queries/live-messages.ts"
import { createRegistryCache } from "../../../../api/registry/registry-cache.ts"
import { createLogger } from "../../../../platform/logger.ts"
import { startTestApi } from "../../../support/test-api.ts"
import { waitUntil } from "../../../support/wait-until.ts"

it("a reader who has no room for a while is not sent what was erased meanwhile, and misses nothing", async () => {
  const api = await startTestApi()
  const logger = createLogger("test", "silent")
  try {
    const words = "Ann Example, Main Street 1"
    const change = { user_id: "ann", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }
    const changes = Array.from({ length: 50 }, () => ({ ...change, reason_detail: words }))
    await api.adjust({ adjustments: changes })
    const reader = createLiveReader({
      db: api.db,
      registry: createRegistryCache({ db: api.db, logger, maxAgeMs: 100 }),
    })
    const sent: string[] = []
    const room = Promise.withResolvers<void>()
    let hasRoom = false
    const { ledgerId } = api.app
    const filter = { userId: null, tokenSymbol: null, chainId: null, types: null }
    const subscription = openSubscription({
      after: 0n,
      filter,
      tail: createLedgerTail({ reader, ledgerId, position: 51n, logger }),
      logger,
      readAfter: (position) => reader.read(ledgerId, position, { userId: null, limit: 500 }),
      sink: {
        send(event) {
          sent.push(event.json)
          return hasRoom
        },
        whenRoom: () => room.promise,
      },
    })
    await waitUntil(async () => sent.length === 1, { what: "the reader is full" })
    const erasure = await api.call("POST", "/api/v1/admin/redactions", { user_id: "ann", reason: "asked to" })
    expect(erasure.status).toBe(202)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const before = sent.length
    hasRoom = true
    room.resolve()
    await waitUntil(async () => sent.length >= 51, { what: "all is sent", describe: async () => sent.length })
    expect(sent.slice(before).filter((event) => event.includes(words))).toEqual([])
    expect(new Set(sent).size).toBe(sent.length)
    subscription.close()
  } finally {
    await api.close()
  }
})
