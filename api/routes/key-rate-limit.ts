import { z } from "@hono/zod-openapi"
import { readEntry } from "../../ledger/registry/read-versions.ts"
import { setKeyRateLimit } from "../../ledger/registry/set-key-rate-limit.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { keyIdSchema } from "../validation/identity-schemas.ts"
import { changeReasonSchema } from "../validation/registry-schemas.ts"
import { timeAnswer } from "../validation/schemas.ts"

const limit = "use a whole number from 1 to 1000000"
const positive = z.int(limit).min(1, limit).max(1_000_000, limit)
const rateLimit = z.strictObject({
  requests_per_second: positive.openapi({ example: 200 }),
  burst: positive.openapi({ description: "At once, after a pause", example: 400 }),
})
const answer = z.object({
  key_id: z.string(),
  rate_limit: rateLimit.nullable().openapi({ description: "null: what holds for every key" }),
  version: z.int().openapi({ description: "0: it never had one of its own" }),
  changed_at: timeAnswer.nullable(),
  changed_by: z.string().nullable(),
})
const params = z.object({ key_id: keyIdSchema })
const path = "/admin/keys/{key_id}/rate-limit"
const unknownKey = refuse("UNKNOWN_KEY", null, "use a key_id of GET /admin/keys")

type Known = Awaited<ReturnType<typeof readEntry>>

function present(keyId: string, entry: Known): z.infer<typeof answer> {
  const document = rateLimit.nullable().parse(entry?.document ?? null)
  return {
    key_id: keyId,
    rate_limit: document,
    version: entry?.version ?? 0,
    changed_at: entry?.at.toISOString() ?? null,
    changed_by: entry?.actor ?? null,
  }
}

export const getKeyRateLimit = defineRoute({
  method: "get",
  path,
  tag: "Registry",
  summary: "How many requests a key may make, where that is not what every key may",
  permission: "registry.inspect",
  params,
  answer,
  refusals: ["UNKNOWN_KEY"],
  async handle({ db }, { params: { key_id: keyId } }) {
    const key = await db
      .selectFrom("registry.api_keys")
      .select("key_id")
      .where("key_id", "=", keyId)
      .executeTakeFirst()
    return key === undefined ? unknownKey : { data: present(keyId, await readEntry(db, "rate_limit", keyId)) }
  },
})

export const setKeyRateLimitRoute = defineRoute({
  method: "put",
  path,
  tag: "Registry",
  summary: "Say how many requests a key may make, or have it be what every key may",
  permission: "registry.manage",
  params,
  body: z.strictObject({ rate_limit: rateLimit.nullable(), reason: changeReasonSchema }),
  answer,
  refusals: ["UNKNOWN_KEY"],
  async handle(services, { params: { key_id: keyId }, body, caller, context }) {
    const initiator = initiatorOf(services, context, caller)
    const entry = await setKeyRateLimit(services.db, keyId, body.rate_limit, {
      initiator,
      reason: body.reason,
    })
    if (entry === "unknown") return unknownKey
    services.logger.warn({ actor: caller.actor, key: keyId }, "a key's rate limit was set")
    await services.registry.reload()
    return { data: present(keyId, entry) }
  },
})
