import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { ImportFormat } from "../../ledger/store/import-tables.ts"
import type { ApiEnv } from "../api-env.ts"
import { readImportPolicy } from "../imports/import-policy.ts"
import { BrokenUpload, readUpload } from "../imports/read-upload.ts"
import { receiveImport, tooLarge } from "../imports/receive-import.ts"
import { operationKeyOf } from "../ledger/operation-key.ts"
import { importSchema, presentImport } from "../presenters/import.ts"
import { isRefusal, type Refusal, refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { chainIdParameter, operationIdSchema, tokenSymbolSchema } from "../validation/schemas.ts"

const formats: Readonly<Record<string, ImportFormat>> = {
  "text/csv": "csv",
  "application/x-ndjson": "ndjson",
}

export const createImport = defineRoute({
  method: "post",
  path: "/imports",
  tag: "Ledger",
  summary: "Record a file of adjustments or opening balances, one a line",
  permission: "imports.create",
  upload: Object.keys(formats),
  query: z.strictObject({
    operation_id: operationIdSchema.optional().openapi({
      description: "Names the import; without it the content does, so that the same file twice is one import",
    }),
    file_name: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .openapi({ description: "For people to recognise it by" }),
    token_symbol: tokenSymbolSchema.optional().openapi({ description: "Of lines that name no token" }),
    chain_id: chainIdParameter.optional().openapi({ description: "Of lines that name no chain" }),
    reason_type: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,63}$/, "use a registered reason; GET /reasons lists them")
      .optional()
      .openapi({ description: "Of lines that name no reason" }),
  }),
  answer: importSchema,
  answerStatus: 202,
  refusals: [
    "MALFORMED_CSV",
    "MALFORMED_JSON",
    "UNKNOWN_FIELD",
    "INVALID_FIELD",
    "IDEMPOTENCY_CONFLICT",
    "IDEMPOTENCY_KEY_MISMATCH",
    "OVERLOADED",
    "REQUEST_TIMEOUT",
    "NOT_READY",
  ],
  async handle(services, { query, caller, context }) {
    const idempotencyKey = context.req.header("idempotency-key")
    const key = operationKeyOf({ operationId: query.operation_id, sequence: undefined, idempotencyKey })
    if (isRefusal(key)) return key
    const format = formatOf(context)
    if (typeof format !== "string") return format
    const policy = await readImportPolicy(services.db)
    const length = context.req.header("content-length")
    if (length !== undefined && BigInt(length) > policy.bodyBytesMax) return tooLarge(policy)
    const { token_symbol, chain_id, reason_type } = query
    try {
      const received = await receiveImport(services.db, {
        ledgerId: caller.ledgerId,
        format,
        fileName: query.file_name ?? null,
        operationId: query.operation_id ?? idempotencyKey,
        defaults: {
          ...(token_symbol === undefined ? {} : { token_symbol }),
          ...(chain_id === undefined ? {} : { chain_id }),
          ...(reason_type === undefined ? {} : { reason_type }),
        },
        initiator: caller.person?.initiator,
        content: readUpload(context.req.raw.body, services),
      })
      if (isRefusal(received)) return received
      return {
        status: 202,
        data: presentImport(received.row),
        headers: received.isKnown ? { "idempotent-replayed": "true" } : {},
      }
    } catch (error) {
      if (error instanceof BrokenUpload) return error.refusal
      throw error
    }
  },
})

function formatOf(context: Context<ApiEnv>): ImportFormat | Refusal {
  const [type = "", ...parameters] = (context.req.header("content-type") ?? "").toLowerCase().split(";")
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith("charset="))
  const format = formats[type.trim()]
  if (format === undefined || (charset !== undefined && !/=\s*"?utf-8"?$/.test(charset))) {
    const known = Object.keys(formats).join(" or ")
    return refuse("UNSUPPORTED_MEDIA_TYPE", "content-type", `send the file as ${known} in UTF-8`)
  }
  const encoding = context.req.header("content-encoding")
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    return refuse("UNSUPPORTED_MEDIA_TYPE", "content-encoding", "send the file uncompressed")
  return format
}
