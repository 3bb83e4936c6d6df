import { randomUUID } from "node:crypto"
import { type Kysely, sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { permissionTable } from "../../../api/permissions.ts"
import type { Route } from "../../../api/route.ts"
import { routes } from "../../../api/routes.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { everyRow } from "../../support/every-row.ts"
import type { Call } from "../../support/recorded-acts.ts"
import { type RecordedWorld, startRecordedWorld } from "../../support/recorded-world.ts"
import { seedApp } from "../../support/seed-registry.ts"
import type { ApiReply, TestApi } from "../../support/test-api.ts"

let world: RecordedWorld
let api: TestApi
let owner: Kysely<Database>
beforeAll(async () => {
  world = await startRecordedWorld()
  ;({ api, owner } = world)
})
afterAll(() => world.stop())

const send = ({ method = "POST", path, body }: Call, key?: string): Promise<ApiReply> =>
  api.call(method, `/api/v1${path}`, body, {
    ...world.asAnn,
    ...(key === undefined ? {} : { "idempotency-key": key }),
  })
const kept = routes.filter((route) => route.isKept)
const nameOf = ({ method, path }: Route) => (method === "post" ? path : `${method} ${path}`)
const flush = { path: "/batches/flush" }
const newKey = { path: "/admin/keys", body: { scopes: ["ledger:read"], name: "once" } }

/** A request whose keys are the same app's, or the installation's. */
function anotherThan({ path, permission }: Route): Call {
  if (permissionTable[permission].to === "caller") return path === flush.path ? newKey : flush
  return { path: "/admin/people", body: { email: `${randomUUID()}@example.com`, roles: [] } }
}

async function prepare(path: string): Promise<Call> {
  const call = await world.acts[path]?.prepare()
  if (call === undefined) throw new Error(`say in recorded-acts.ts how ${path} is used`)
  return call
}

async function actionsNamed(action: string): Promise<number> {
  const { rows } = await sql`SELECT 1 FROM registry.audit_log WHERE action = ${action}`.execute(api.db)
  return rows.length
}

describe("a write of administration that names a key", () => {
  it.each(kept.map((route) => [nameOf(route), route] as const))("%s is done once", async (path, route) => {
    const call = await prepare(path)
    const key = randomUUID()
    const first = await send(call, key)
    expect(first.status).toBeLessThan(300)
    expect(first.headers.get("idempotent-replayed")).toBeNull()
    const before = await everyRow(owner)
    const second = await send(call, key)
    expect(await everyRow(owner)).toEqual(before)
    if (second.status === 409) {
      expect(second.body.errors).toMatchObject([{ code: "ANSWER_SHOWN_ONCE" }])
      // What is kept of it has no secret in it.
      const secrets = secretsOf(first.body.data)
      expect(secrets).not.toEqual([])
      for (const secret of secrets) expect(before["registry.kept_answers"]).not.toContain(secret)
      return
    }
    expect(second).toMatchObject({ status: first.status, body: { data: first.body.data } })
    expect(second.headers.get("idempotent-replayed")).toBe("true")
    expect((await send(anotherThan(route), key)).body.errors).toMatchObject([
      { code: "IDEMPOTENCY_CONFLICT" },
    ])
    expect(await everyRow(owner)).toEqual(before)
  })

  it("is not done where its answer cannot be kept", async () => {
    const key = randomUUID()
    const before = await everyRow(owner)
    await sql`ALTER TABLE registry.kept_answers ADD CONSTRAINT broken CHECK (false) NOT VALID`.execute(owner)
    try {
      expect((await send(newKey, key)).status).toBe(500)
      expect(await everyRow(owner)).toEqual(before)
    } finally {
      await sql`ALTER TABLE registry.kept_answers DROP CONSTRAINT broken`.execute(owner)
    }
    expect((await send(newKey, key)).status).toBe(200)
  })

  it("has the key in its body, with a sequence", async () => {
    const operation_id = randomUUID()
    const named = (sequence: number) => ({ ...flush, body: { operation_id, sequence } })
    const first = await send(named(1))
    expect((await send(named(1))).body.data).toEqual(first.body.data)
    expect((await send(named(2))).headers.get("idempotent-replayed")).toBeNull()
    expect((await send(named(0), "another")).body.errors).toMatchObject([
      { code: "IDEMPOTENCY_KEY_MISMATCH" },
    ])
    expect((await send({ ...flush, body: { sequence: 1 } })).body.errors).toMatchObject([
      { code: "INVALID_FIELD", field: "sequence" },
    ])
    expect(
      (await send({ ...flush, body: { token_symbol: "CPOP", operation_id, sequence: 1 } })).body.errors,
    ).toMatchObject([{ code: "IDEMPOTENCY_CONFLICT" }])
  })

  it("has the key in its body also where it has nothing else to say", async () => {
    const { path } = await prepare("/webhooks/{webhook_id}/test")
    const call = { path, body: { operation_id: randomUUID() } }
    const first = await send(call)
    expect((await send(call)).body.data).toEqual(first.body.data)
    expect((await send({ path, body: { operation: "x" } })).body.errors).toMatchObject([
      { code: "UNKNOWN_FIELD", field: "operation" },
    ])
  })

  it("is the same request also when its time is over", async () => {
    const expires_at = new Date(Date.now() + 1_000).toISOString()
    const call = { ...newKey, body: { ...newKey.body, expires_at } }
    const key = randomUUID()
    expect((await send(call, key)).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    expect((await send(call, key)).body.errors).toMatchObject([{ code: "ANSWER_SHOWN_ONCE" }])
    expect((await send(call, randomUUID())).body.errors).toMatchObject([
      { code: "INVALID_FIELD", field: "expires_at" },
    ])
  })

  it("is done once when it is sent ten times at once", async () => {
    const before = await actionsNamed("webhook.created")
    const call = { path: "/webhooks", body: { url: "https://8.8.8.8/at-once" } }
    const key = randomUUID()
    const replies = await Promise.all(Array.from({ length: 10 }, () => send(call, key)))
    expect(replies.map(({ status }) => status).toSorted()).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 409),
    ])
    expect(new Set(replies.flatMap(({ body }) => body.errors ?? []).map(({ code }) => code))).toEqual(
      new Set(["ANSWER_SHOWN_ONCE"]),
    )
    expect((await actionsNamed("webhook.created")) - before).toBe(1)
  })

  it("is done later where it was refused", async () => {
    const key = randomUUID()
    const made = await send({ path: "/webhooks", body: { url: "https://8.8.8.8/off", is_enabled: false } })
    const path = `/webhooks/${made.body.data.webhook_id}`
    expect((await send({ path: `${path}/test` }, key)).body.errors).toMatchObject([
      { code: "WEBHOOK_DISABLED" },
    ])
    await send({ method: "PATCH", path, body: { is_enabled: true } })
    expect((await send({ path: `${path}/test` }, key)).status).toBeLessThan(300)
  })

  it("leaves a dry run out", async () => {
    const { path, body, method = "" } = await prepare("patch /admin/reasons/{reason_type}")
    const key = randomUUID()
    const dry = await send(
      { method, path: `${path}?dry_run=true`, ...(body === undefined ? {} : { body }) },
      key,
    )
    expect(dry.status).toBe(200)
    expect((await send({ method, path, ...(body === undefined ? {} : { body }) }, key)).status).toBe(200)
  })

  it("means the app's own keys", async () => {
    const key = randomUUID()
    const stranger = await seedApp(api.db, randomUUID(), ["admin"])
    const issue = (apiKey: string) =>
      api.call("POST", "/api/v1/admin/keys", newKey.body, {
        authorization: `Bearer ${apiKey}`,
        "idempotency-key": key,
      })
    expect((await issue(api.apiKey)).status).toBe(200)
    expect((await issue(stranger.apiKey)).status).toBe(200)
    expect((await issue(api.apiKey)).status).toBe(409)
  })

  it("works at once with what it made", async () => {
    const { body } = await send(newKey, randomUUID())
    const headers = { authorization: `Bearer ${body.data.api_key}` }
    const revoke = { path: `/admin/keys/${body.data.key_id}/revoke` }
    expect((await api.call("GET", "/api/v1/tokens", undefined, headers)).status).toBe(200)
    expect((await send(revoke, randomUUID())).status).toBe(200)
    expect((await api.call("GET", "/api/v1/tokens", undefined, headers)).status).toBe(401)
  })
})

const secretNames = new Set(["api_key", "secret", "initial_password"])

function secretsOf(data: unknown): string[] {
  if (typeof data !== "object" || data === null) return []
  return Object.entries(data).flatMap(([name, value]) =>
    secretNames.has(name) && typeof value === "string" ? [value] : secretsOf(value),
  )
}
