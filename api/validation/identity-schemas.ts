import { z } from "@hono/zod-openapi"
import { createAddressList } from "../../platform/address-list.ts"
import { roles } from "../permissions.ts"
import { scopes } from "../scopes.ts"
import { addressRangePattern } from "./address-range-pattern.ts"

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const uuidExample = { example: "0193c5e0-0000-7000-8000-000000000000" }

export const keyIdSchema = z.string().regex(uuid, "use a key_id of GET /admin/keys").openapi(uuidExample)
const appIdSchema = z.string().regex(uuid, "use an app_id of GET /admin/apps").openapi(uuidExample)
export const personIdSchema = z
  .string()
  .regex(uuid, "use a person_id of GET /admin/people")
  .openapi(uuidExample)

/** Visible characters, and single blanks between them. */
export const appNameSchema = z
  .string()
  .max(64, "use at most 64 characters")
  .regex(/^[^\p{C}\p{Z}]+( [^\p{C}\p{Z}]+)*$/u, "use visible characters, with single blanks between them")
  .openapi({ example: "shop" })

export const labelSchema = z
  .string()
  .regex(/^[^\p{Cc}]{0,100}$/u, "use at most 100 printable characters")
  .default("")

export const scopesSchema = z
  .array(z.enum(scopes))
  .min(1, "name at least one scope")
  .max(scopes.length, "name each scope once")
  .refine((names) => new Set(names).size === names.length, "name each scope once")
  .openapi({ uniqueItems: true, example: ["ledger:write", "ledger:read"] })

export const allowedFromSchema = z
  .array(
    z
      .string()
      .superRefine((range, context) => {
        try {
          createAddressList([range])
        } catch (error) {
          context.addIssue({ code: "custom", message: (error as Error).message })
        }
      })
      .openapi({ pattern: addressRangePattern }),
  )
  .min(1, "name at least one address, or leave the list out")
  .max(100, "name at most 100 ranges")
  .openapi({
    description: "Addresses that the key may be used from; any, unless given",
    example: ["203.0.113.0/24"],
  })

/** Whether it is later is asked when it is to be done: the request sent again is the same one. */
export const laterSchema = z.iso
  .datetime({
    offset: true,
    error: "write an ISO 8601 time with its zone, for example 2030-12-15T10:30:00Z",
  })
  .transform((text) => new Date(text))
  // With its zone, the last day of the year 9999 may be of the next one.
  .refine((time) => time.getUTCFullYear() <= 9_999, "name a time before the year 10000")
  .openapi({ type: "string", format: "date-time", example: "2030-12-15T10:30:00Z" })

/** Lower case, as it is compared. */
export const emailSchema = z
  .string()
  .trim()
  .toLowerCase()
  .max(254, "use at most 254 characters")
  .regex(/^[^\s@\p{C}]+@[^\s@\p{C}]+\.[^\s@\p{C}.]+$/u, "write an e-mail address, such as ann@example.com")
  .openapi({ type: "string", format: "email", example: "ann@example.com" })

export const grantsSchema = z
  .array(
    z.strictObject({
      role: z.enum(roles),
      app_id: appIdSchema
        .nullable()
        .default(null)
        .openapi({
          type: ["string", "null"],
          pattern: uuid.source,
          default: null,
          description: "null: every app, and what concerns them all",
        }),
    }),
  )
  .max(100, "grant at most 100 roles")

/** The limits are those of the hash and of what a person can remember. */
export const newPasswordSchema = z
  .string()
  .min(12, "use at least 12 characters")
  .max(256, "use at most 256 characters")
  .openapi({ format: "password", example: "correct horse battery staple" })

export const signInBySchema = z.enum(["password", "oidc"]).default("password").openapi({
  description: "`oidc`: whoever proves the e-mail address to the identity provider within seven days",
})
