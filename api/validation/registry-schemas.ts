import { z } from "@hono/zod-openapi"
import { wholeNumber } from "./schemas.ts"

const askForReason = "say in 1 to 500 characters why: it stays with the version"

export const changeReasonSchema = z
  .string(askForReason)
  .trim()
  .regex(/^[^\p{Cc}]{1,500}$/u, askForReason)
  .openapi({ example: "fees have risen" })

const versionMax = 2_147_483_647
const version = `use a whole number from 1 to ${versionMax}`

export const versionSchema = z.int(version).min(1, version).max(versionMax, version)
export const versionParameter = wholeNumber(1, versionMax)

export const expectedVersionSchema = versionSchema.openapi({
  description: "The version that was seen: where it is another one by now, nothing is changed",
  example: 1,
})

export const dryRunQuery = z.strictObject({
  dry_run: z
    .enum(["true", "false"], "write true or false")
    .default("false")
    .openapi({ description: "`true`: validated and shown, and not done" }),
})

export const addressSchema = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "write an address: 0x and 40 hex digits")
  .openapi({ example: `0x${"5f".repeat(20)}` })
