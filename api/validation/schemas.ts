import { z } from "@hono/zod-openapi"
import { amountForm } from "../../ledger/domain/amount.ts"
import { type Moment, parseMoment } from "../../ledger/domain/moment.ts"

/** No control, format or white space character; counted in code points. */
const visible = /^[^\p{C}\p{Z}]{1,128}$/u

/** As a step of an address both mean another address, also percent-encoded, so that what they name could never be read. */
const isAddressable = (id: string): boolean => id !== "." && id !== ".."
const addressable = { not: { enum: [".", ".."] } }
const notAddressable = 'use another id: "." and ".." cannot stand in an address'

export const userIdSchema = z
  .string()
  .regex(visible, "use 1 to 128 visible characters without spaces")
  .refine(isAddressable, notAddressable)
  .openapi({ ...addressable, description: "The app's own opaque identifier", example: "user_123" })

/** Inner spaces are fine, outer ones would be lost in a header. */
const printable = z
  .string()
  .regex(
    /^(?![\p{Z}])[^\p{C}]{1,128}(?<![\p{Z}])$/u,
    "use 1 to 128 printable characters that neither begin nor end with a space",
  )

export const operationIdSchema = printable.refine(isAddressable, notAddressable).openapi({
  ...addressable,
  description:
    "The caller's id of what he does, known for ever. The same request under the same id is answered as it was the first time, and nothing is done twice; another request under it is refused. Where it is left out, one is made up, and the request sent again is done again",
  example: "daily_rewards_20241215",
})

export const importIdSchema = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "use an import_id of POST /imports, unchanged")

/** A name of the caller's for something of his. */
export const labelSchema = printable

export const businessBatchIdSchema = printable.openapi({
  description: "The caller's label of a business batch",
  example: "daily_rewards_20241215",
})

export const sequenceSchema = z
  .int("use a whole number from 0 to 2147483647")
  .min(0, "use a whole number from 0 to 2147483647")
  .max(2_147_483_647, "use a whole number from 0 to 2147483647")

export const tokenSymbolSchema = z
  .string()
  .regex(/^[^\p{C}\p{Z}]{1,32}$/u, "use the symbol of a registered token; GET /tokens lists them")
  .openapi({ example: "CPOP" })

export const chainIdSchema = z
  .int("use the chain's id, a positive whole number")
  .positive("use the chain's id, a positive whole number")
  .openapi({ example: 31_337 })

/** Parameters arrive as text. */
export const chainIdParameter = wholeNumber(1, Number.MAX_SAFE_INTEGER)
export const sequenceParameter = wholeNumber(0, 2_147_483_647)

export const limitParameter = wholeNumber(1, 500)
  .default(20)
  .openapi({
    param: { description: "Rows of a page" },
    type: "integer",
    minimum: 1,
    maximum: 500,
    default: 20,
  })

export const cursorParameter = z
  .string()
  .regex(/^[\w-]{1,128}$/, "pass pagination.next_cursor of the previous page, unchanged")
  .optional()
  .openapi({ description: "`pagination.next_cursor` of the previous page" })

export const timeParameter = z.iso
  .datetime({ offset: true, error: "write an ISO 8601 time with its zone, for example 2024-12-15T10:30:00Z" })
  .transform((text) => new Date(text))
  .openapi({ type: "string", format: "date-time" })

/** Days since 1970. */
export const dayParameter = z.iso
  .date({ error: "write a day of the calendar, for example 2024-12-15" })
  .transform((text) => Date.parse(`${text}T00:00:00Z`) / 86_400_000)
  .openapi({ type: "string", format: "date", example: "2024-12-15" })

export const momentParameter = z
  .string()
  .transform((text, context): Moment => {
    const moment = parseMoment(text)
    if (moment !== undefined) return moment
    context.addIssue({
      code: "custom",
      message:
        "write the position of an event, or an ISO 8601 time with its zone, for example 2024-12-15T10:30:00Z (the + of a zone as %2B)",
    })
    return z.NEVER
  })
  .openapi({
    type: "string",
    anyOf: [
      { type: "string", pattern: "^(0|[1-9]\\d{0,17})$" },
      { type: "string", format: "date-time" },
    ],
    example: "2024-12-15T10:30:00Z",
  })

export const amountSchema = z
  .string('write the amount as a decimal string, for example "+12.5": a JSON number could lose digits')
  .regex(/^[+-]?\d{1,59}(\.\d{1,36})?$/, amountForm)
  .openapi({ description: "Token units, exact; the sign is explicit", example: "+1000.0" })

export const unsignedAmountSchema = amountSchema.openapi({
  description: "Token units, exact; without a sign: the route names the direction",
  example: "12.5",
})

export const paginationSchema = z.object({
  limit: z.int(),
  next_cursor: z.string().nullable(),
  has_more: z.boolean(),
})

/** Shapes of answers. */
export const amountAnswer = z.string().openapi({ example: "1000.000000000000000000" })
export const timeAnswer = z.iso.datetime().openapi({ example: "2024-12-15T10:30:00.000Z" })
export const hashAnswer = z.string().openapi({ example: `0x${"ab".repeat(32)}` })

export function wholeNumber(least: number, most: number) {
  const message = `use a whole number from ${least} to ${most}`
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,15})$/, message)
    .transform(Number)
    .refine((value) => value >= least && value <= most, message)
    .openapi({ type: "integer", minimum: least, maximum: most })
}
