import { z } from "@hono/zod-openapi"
import { writeAuditLine } from "../../ledger/domain/audit-line.ts"
import { readEvents } from "../../ledger/store/read-events.ts"
import { commonHeaders } from "../middleware/respond.ts"
import { readHead } from "../queries/audit-events.ts"
import { defineRoute } from "../route.ts"
import { streamPages } from "../stream-pages.ts"
import { wholeNumber } from "../validation/schemas.ts"

const pageSize = 1_000

export const streamAuditEvents = defineRoute({
  method: "get",
  path: "/audit/events",
  tag: "Reconciliation and audit",
  summary: "The event log as NDJSON with its hashes, in order, resumable after any position",
  permission: "audit.read",
  query: z.strictObject({
    after: wholeNumber(0, Number.MAX_SAFE_INTEGER)
      .default(0)
      .openapi({ description: "Begin behind this position", type: "integer", minimum: 0, default: 0 }),
    limit: wholeNumber(1, 100_000_000).optional().openapi({
      description: "Lines at most; everything up to the head, unless given",
      type: "integer",
      minimum: 1,
    }),
  }),
  answer: null,
  answerHeaders: {
    "X-Ledger-Id": { description: "Whose log it is", schema: { type: "string" } },
    "X-Head-Position": { description: "The last event when it began", schema: { type: "string" } },
  },
  stream: { contentType: "application/x-ndjson", description: "One JSON object a line" },
  refusals: [],
  async handle(services, { query, caller, context }) {
    const { ledgerId } = caller
    const { position: head } = await readHead(services.db, ledgerId)
    const after = BigInt(query.after)
    const wanted = query.limit === undefined ? head : after + BigInt(query.limit)
    const last = wanted < head ? wanted : head
    let position = after
    const stream = streamPages(services, context, async () => {
      if (position >= last) return null
      const wantedRows = last - position < BigInt(pageSize) ? Number(last - position) : pageSize
      const events = await readEvents(services.db, ledgerId, position, wantedRows)
      if (events.length < wantedRows)
        throw new Error(`the log has no event at ${position + BigInt(events.length) + 1n}`)
      position += BigInt(wantedRows)
      return events.map((event) => `${writeAuditLine(event)}\n`).join("")
    })
    return new Response(stream, {
      headers: {
        ...commonHeaders,
        "content-type": "application/x-ndjson; charset=utf-8",
        "cache-control": "no-store",
        "x-request-id": context.var.requestId,
        "x-ledger-id": ledgerId,
        "x-head-position": head.toString(),
      },
    })
  },
})
