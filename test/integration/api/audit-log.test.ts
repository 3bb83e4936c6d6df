import { randomBytes, randomUUID } from "node:crypto"
import { type Kysely, sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { permissionTable } from "../../../api/permissions.ts"
import { routes } from "../../../api/routes.ts"
import { raiseAlarm } from "../../../ledger/store/alarms.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { type ChainsToRegister, startChainsToRegister } from "../../support/chains-to-register.ts"
import { giveUp } from "../../support/give-up.ts"
import { upload } from "../../support/import-fixture.ts"
import { type SignedIn, seedPerson, signIn, type TestPerson, testIdentity } from "../../support/people.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { type HandSettlement, settleByHand } from "../../support/settle-by-hand.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let chains: ChainsToRegister
let owner: Kysely<Database>
let settlement: HandSettlement
let admin: SignedIn
let ann: TestPerson
beforeAll(async () => {
  chains = await startChainsToRegister()
  api = await startTestApi({
    identity: testIdentity,
    limits: { laneMaxAgeMs: 0 },
    webhooks: { secretKeys: [randomBytes(32)] },
    environment: chains.environment,
  })
  owner = api.openAsOwner()
  settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
  ann = await seedPerson(api, [{ role: "admin", appId: null }])
  admin = await signIn(api, ann)
})
afterAll(async () => {
  await owner.destroy()
  await api.close()
  await chains.stop()
})

type Call = {
  /** POST, unless it says so. */
  readonly method?: string
  readonly path: string
  readonly body?: object
  readonly headers?: Record<string, string>
}
type Act = { readonly action: string; prepare(): Promise<Call> }

const act = (action: string, prepare: () => Promise<Call> | Call): Act => ({
  action,
  prepare: () => Promise.resolve(prepare()),
})
const token = { token_symbol: "CPOP" }
const newUser = () => `user_${randomUUID()}`

async function deadLetter(): Promise<string> {
  const user = newUser()
  await api.fund(user, "10")
  await giveUp({ db: api.db, ledgerId: api.app.ledgerId }, settlement, [user], "AccountFrozen()")
  return (await api.call("GET", "/api/v1/dead-letters?status=open")).body.data.dead_letters[0].dead_letter_id
}

async function newKey(): Promise<string> {
  return (await api.call("POST", "/api/v1/admin/keys", { scopes: ["admin"] })).body.data.key_id
}

const somebody = async () => `/admin/people/${(await seedPerson(api, [])).personId}`
const signedIn = async () => (await signIn(api, await seedPerson(api, []))).headers
const newPerson = () => ({ email: `${randomUUID()}@example.com`, roles: [{ role: "analyst" }] })

const webhook = { url: "https://8.8.8.8/hook" }
const newWebhook = async (): Promise<string> =>
  `/webhooks/${(await api.call("POST", "/api/v1/webhooks", webhook)).body.data.webhook_id}`

const reasonDocument = { description: "x", allowed_metadata: [], business_type: "reward" }
const newReason = () => `r_${randomUUID().replaceAll("-", "")}`
const newChain = () => ({
  name: "seventh",
  confirmation_blocks: 1,
  finality: "depth",
  block_time_ms: 1_000,
})

async function versionOf(path: string): Promise<number> {
  return (await api.call("GET", `/api/v1${path}`)).body.data.version
}

async function edit(path: string, changes: object): Promise<Call> {
  return { method: "PATCH", path, body: { expected_version: await versionOf(path), reason: "x", changes } }
}

async function rollBack(path: string, changes: object): Promise<Call> {
  const { method = "", body } = await edit(path, changes)
  await api.call(method, `/api/v1${path}`, body)
  const expected_version = await versionOf(path)
  return { path: `${path}/rollback`, body: { expected_version, version: expected_version - 1, reason: "x" } }
}

/** Of each route whose use has to be told: a request that is accepted. */
const acts: Record<string, Act> = {
  "/batches/flush": act("settlement.flush_requested", () => ({ path: "/batches/flush", body: token })),
  "/batches/pause": act("settlement.paused", () => ({
    path: "/batches/pause",
    body: { ...token, reason: "an inspection" },
  })),
  "/batches/resume": act("settlement.resumed", async () => {
    await api.call("POST", "/api/v1/batches/pause", { ...token, reason: "an inspection" })
    return { path: "/batches/resume", body: token }
  }),
  "/batches/{batch_id}/cancel": act("batch.cancel_requested", async () => {
    await api.call("POST", "/api/v1/batches/resume", {})
    await api.fund(newUser(), "1")
    await settlement.takeIn()
    await settlement.seal()
    const [batch] = (await api.call("GET", "/api/v1/batches?limit=1")).body.data.batches
    return { path: `/batches/${batch.batch_id}/cancel`, body: { reason: "it reverts" } }
  }),
  "/dead-letters/{dead_letter_id}/retry": act("dead_letter.retried", async () => ({
    path: `/dead-letters/${await deadLetter()}/retry`,
  })),
  "/dead-letters/{dead_letter_id}/discard": act("dead_letter.discarded", async () => ({
    path: `/dead-letters/${await deadLetter()}/discard`,
    body: { reason: "the address is frozen" },
  })),
  "/alarms/{alarm_id}/clear": act("alarm.cleared", async () => {
    const { ledgerId } = api.app
    await raiseAlarm(api.db, { kind: "settled_twice", subject: newUser(), ledgerId, message: "look" })
    const [alarm] = (await api.call("GET", "/api/v1/alarms?limit=1")).body.data.alarms
    return { path: `/alarms/${alarm.alarm_id}/clear`, body: { reason: "looked into" } }
  }),
  "/reconciliation/run": act("reconciliation.requested", () => ({
    path: "/reconciliation/run",
    body: token,
  })),
  "/imports/{import_id}/abandon": act("import.abandoned", async () => {
    const file = await upload(api, `user_id,token_symbol,amount,reason_type\n${newUser()},CPOP,+1,reward\n`)
    const importId = file.data?.import_id ?? ""
    await sql`UPDATE ledger.imports SET state = 'failed', error = 'x', finished_at = now() WHERE import_id = ${importId}`.execute(
      api.db,
    )
    return { path: `/imports/${importId}/abandon` }
  }),
  "/admin/redactions": act("redaction.requested", async () => {
    const user = newUser()
    const adjustment = { user_id: user, ...token, amount: "+1", reason_type: "reward" }
    const { body } = await api.adjust({
      adjustments: [{ ...adjustment, reason_detail: "lives at 7 Mill Lane" }],
    })
    const tx_ids = [body.data.transactions[0].tx_id]
    return { path: "/admin/redactions", body: { operation_id: randomUUID(), tx_ids, reason: "request 4711" } }
  }),
  "/admin/apps": act("app.created", () => ({ path: "/admin/apps", body: { name: randomUUID() } })),
  "/admin/keys": act("key.created", () => ({ path: "/admin/keys", body: { scopes: ["ledger:read"] } })),
  "/admin/keys/{key_id}/rotate": act("key.rotated", async () => ({
    path: `/admin/keys/${await newKey()}/rotate`,
  })),
  "/admin/keys/{key_id}/revoke": act("key.revoked", async () => ({
    path: `/admin/keys/${await newKey()}/revoke`,
  })),
  "/admin/people": act("person.created", () => ({ path: "/admin/people", body: newPerson() })),
  "/admin/people/{person_id}/roles": act("person.roles_changed", async () => ({
    path: `${await somebody()}/roles`,
    body: { roles: [{ role: "auditor", app_id: api.app.appId }] },
  })),
  "/admin/people/{person_id}/disable": act("person.disabled", async () => ({
    path: `${await somebody()}/disable`,
  })),
  "/admin/people/{person_id}/enable": act("person.enabled", async () => ({
    path: `${await somebody()}/enable`,
  })),
  "/admin/people/{person_id}/invite": act("person.password_reset", async () => ({
    path: `${await somebody()}/invite`,
  })),
  "/webhooks": act("webhook.created", () => ({ path: "/webhooks", body: webhook })),
  "patch /webhooks/{webhook_id}": act("webhook.changed", async () => ({
    method: "PATCH",
    path: await newWebhook(),
    body: { is_enabled: false },
  })),
  "delete /webhooks/{webhook_id}": act("webhook.deleted", async () => ({
    method: "DELETE",
    path: await newWebhook(),
  })),
  "/webhooks/{webhook_id}/rotate-secret": act("webhook.secret_rotated", async () => ({
    path: `${await newWebhook()}/rotate-secret`,
  })),
  "/webhooks/{webhook_id}/test": act("webhook.test_requested", async () => ({
    path: `${await newWebhook()}/test`,
  })),
  "/webhooks/{webhook_id}/replay": act("webhook.replayed", async () => ({
    path: `${await newWebhook()}/replay`,
    body: { after: "0" },
  })),
  "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": act(
    "webhook.redelivery_requested",
    async () => {
      const path = await newWebhook()
      const { body } = await api.call("POST", `/api/v1${path}/test`)
      return { path: `${path}/deliveries/${body.data.delivery_id}/redeliver` }
    },
  ),
  "/admin/chains": act("chain.created", () => ({
    path: "/admin/chains",
    body: { chain_id: 7, wallet_manager: chains.walletManager, reason: "a test", document: newChain() },
  })),
  "/admin/tokens": act("token.created", () => ({
    path: "/admin/tokens",
    body: {
      chain_id: 31_337,
      token_address: chains.token.address,
      symbol: `T${randomUUID().slice(0, 8)}`,
      decimals: 18,
      reason: "a test",
      document: { name: "T", features: ["settle"] },
    },
  })),
  "/admin/reasons": act("reason.created", () => ({
    path: "/admin/reasons",
    body: { reason_type: newReason(), reason: "a test", document: reasonDocument },
  })),
  "patch /admin/chains/{chain_id}": act("chain.changed", () =>
    edit("/admin/chains/31337", { block_time_ms: Date.now() % 100_000 }),
  ),
  "patch /admin/tokens/{token}": act("token.changed", () =>
    edit("/admin/tokens/31337:GOLD", { name: randomUUID() }),
  ),
  "patch /admin/strategies/{token}": act("strategy.changed", () =>
    edit("/admin/strategies/31337:GOLD", { max_wait_time_ms: Date.now() % 100_000 }),
  ),
  "patch /admin/reasons/{reason_type}": act("reason.changed", () =>
    edit("/admin/reasons/reward", { description: randomUUID() }),
  ),
  "/admin/chains/{chain_id}/rollback": act("chain.changed", () =>
    rollBack("/admin/chains/31338", { block_time_ms: 7 }),
  ),
  "/admin/tokens/{token}/rollback": act("token.changed", () =>
    rollBack("/admin/tokens/31337:USDT", { name: "Y" }),
  ),
  "/admin/strategies/{token}/rollback": act("strategy.changed", () =>
    rollBack("/admin/strategies/31337:USDT", { max_wait_time_ms: 7 }),
  ),
  "/admin/reasons/{reason_type}/rollback": act("reason.changed", () =>
    rollBack("/admin/reasons/mint", { description: "Y" }),
  ),
  "put /admin/keys/{key_id}/rate-limit": act("key.rate_limit_changed", async () => ({
    method: "PUT",
    path: `/admin/keys/${await newKey()}/rate-limit`,
    body: { reason: "a test", rate_limit: { requests_per_second: 5, burst: 9 } },
  })),
  "/auth/logout": act("session.ended", async () => ({ path: "/auth/logout", headers: await signedIn() })),
  "/auth/logout-all": act("session.all_ended", async () => ({
    path: "/auth/logout-all",
    headers: await signedIn(),
  })),
  "/auth/password": act("person.password_changed", async () => ({
    path: "/auth/password",
    headers: await signedIn(),
    body: { current_password: ann.password, new_password: "another long password" },
  })),
}

const asAdmin = () => ({ ...admin.headers, "x-app-id": api.app.appId })
const send = (
  { method = "POST", path, body, headers = asAdmin() }: Call,
  requestId: string,
): Promise<ApiReply> => api.call(method, `/api/v1${path}`, body, { ...headers, "x-request-id": requestId })

async function entriesOf(requestId: string) {
  const { rows } = await sql<Record<string, unknown>>`
    SELECT actor, action, before, after, host(address) AS address FROM registry.audit_log
    WHERE request_id = ${requestId} ORDER BY entry_id`.execute(api.db)
  return rows
}

async function listTables(): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
    WHERE schemaname IN ('registry', 'ledger', 'settlement', 'webhooks')
      AND tablename NOT IN ('processes', 'sign_in_attempts', 'audit_log')`.execute(owner)
  return rows.map(({ name }) => name)
}

/** The tables that the transaction of an entry has written to besides. */
async function writtenWith(requestId: string): Promise<string[]> {
  const written: string[] = []
  for (const name of await listTables()) {
    const { rows } = await sql`
      SELECT 1 FROM ${sql.raw(name)} t WHERE t.xmin IN (SELECT xmin FROM registry.audit_log WHERE request_id = ${requestId}) LIMIT 1`.execute(
      owner,
    )
    if (rows.length > 0) written.push(name)
  }
  return written
}

/** Every row of every table, save what a request leaves behind that did nothing. */
async function everything(): Promise<unknown> {
  const found: Record<string, string> = {}
  for (const name of await listTables()) {
    const { rows } = await sql<{ row: string }>`
      SELECT (to_jsonb(t) - 'last_used_at' - 'touched_at')::text AS row FROM ${sql.raw(name)} t ORDER BY 1`.execute(
      owner,
    )
    found[name] = rows.map(({ row }) => row).join("\n")
  }
  return found
}

async function whileTheLogIsBroken<Result>(work: () => Promise<Result>): Promise<Result> {
  await sql`ALTER TABLE registry.audit_log ADD CONSTRAINT broken CHECK (false) NOT VALID`.execute(owner)
  try {
    return await work()
  } finally {
    await sql`ALTER TABLE registry.audit_log DROP CONSTRAINT broken`.execute(owner)
  }
}

const recorded = routes.filter(
  ({ method, permission }) => method !== "get" && permissionTable[permission].isRecorded === true,
)

describe("whatever a permission says is told of", () => {
  it.each(recorded.map(({ method, path }) => (method === "post" ? path : `${method} ${path}`)))(
    "%s leaves an entry, or is not done",
    async (path) => {
      const prepared = await acts[path]?.prepare()
      if (prepared === undefined) throw new Error(`say in this test how ${path} is used`)
      const before = await everything()
      const failed = await whileTheLogIsBroken(() => send(prepared, "broken"))
      expect([failed.status, await everything()]).toEqual([500, before])
      const requestId = randomUUID()
      expect((await send(prepared, requestId)).status).toBeLessThan(300)
      expect(await writtenWith(requestId)).not.toEqual([])
      const isOwn = prepared.headers !== undefined
      expect((await entriesOf(requestId))[0]).toMatchObject({
        actor: isOwn ? expect.stringMatching(/^person:/) : `person:${ann.personId}`,
        action: acts[path]?.action,
        address: "127.0.0.1",
      })
    },
  )

  it("what was, and what is", async () => {
    await api.call("POST", "/api/v1/batches/resume", {})
    const pause = { path: "/batches/pause", body: { ...token, reason: "an inspection" } }
    const lane = "CPOP on chain 31337"
    await send(pause, "first")
    await send({ ...pause, body: { ...token, reason: "another one" } }, "second")
    await send({ path: "/batches/resume", body: token }, "third")
    expect(await entriesOf("first")).toMatchObject([
      { before: { paused: [] }, after: { paused: [lane], reason: "an inspection" } },
    ])
    expect(await entriesOf("second")).toMatchObject([{ before: { paused: [lane] } }])
    expect(await entriesOf("third")).toMatchObject([
      { before: { paused: [{ lane, reason: "an inspection" }] }, after: { paused: [] } },
    ])
  })

  it("also what a person writes to the ledger, and not what a key does", async () => {
    const body = () => ({
      operation_id: randomUUID(),
      adjustments: [{ user_id: newUser(), ...token, amount: "+1", reason_type: "reward" }],
    })
    const mine = { path: "/balance/adjust", body: body() }
    const before = await everything()
    expect((await whileTheLogIsBroken(() => send(mine, "broken"))).status).toBe(500)
    expect(await everything()).toEqual(before)
    await send(mine, "by-ann")
    await send(mine, "by-ann-again")
    expect(await entriesOf("by-ann")).toMatchObject([
      { actor: `person:${ann.personId}`, action: "ledger.written", after: { route: "/balance/adjust" } },
    ])
    expect(await entriesOf("by-ann-again")).toEqual([])
    expect((await api.adjust(body(), { "x-request-id": "by-key" })).status).toBe(200)
    expect(await entriesOf("by-key")).toEqual([])
    const file = `user_id,token_symbol,amount,reason_type\n${newUser()},CPOP,+1,reward\n`
    const response = await fetch(`${api.server.url}/api/v1/imports`, {
      method: "POST",
      headers: { ...asAdmin(), "content-type": "text/csv", "x-request-id": "import-by-ann" },
      body: file,
    })
    expect(response.status).toBe(202)
    expect(await entriesOf("import-by-ann")).toMatchObject([{ action: "import.received" }])
  })
})

describe("the audit log", () => {
  it("takes no change and no removal, not even by its owner", async () => {
    for (const db of [api.db, owner])
      for (const change of [
        sql`UPDATE registry.audit_log SET actor = 'key:x'`,
        sql`DELETE FROM registry.audit_log`,
        sql`TRUNCATE registry.audit_log`,
        sql`DELETE FROM registry.audit_log WHERE false`,
      ])
        await expect(change.execute(db)).rejects.toThrow(/append-only|permission denied/)
    expect(
      (await api.db.selectFrom("registry.audit_log").select("entry_id").execute()).length,
    ).toBeGreaterThan(0)
  })

  it("is read page by page, newest first, by app, and all of it by who may", async () => {
    const read = async (query: string, headers: Record<string, string>) =>
      (await api.call("GET", `/api/v1/admin/audit-log?${query}`, undefined, headers)).body.data
    const all = (await read("limit=500", asAdmin())).entries as { entry_id: string; concerns: string }[]
    const ids = all.map(({ entry_id }) => BigInt(entry_id))
    expect(ids).toEqual([...ids].sort((a, b) => (a < b ? 1 : -1)))
    const paged: string[] = []
    for (let cursor = ""; ; ) {
      const page = await read(`limit=7${cursor}`, asAdmin())
      paged.push(...page.entries.map((entry: { entry_id: string }) => entry.entry_id))
      if (!page.pagination.has_more) break
      cursor = `&cursor=${page.pagination.next_cursor}`
    }
    expect(paged).toEqual(all.map(({ entry_id }) => entry_id))
    expect(new Set(all.map(({ concerns }) => concerns))).toEqual(new Set(["app", "installation"]))
    const auditor = await signIn(api, await seedPerson(api, [{ role: "auditor", appId: api.app.appId }]))
    const own = (await read("limit=500", auditor.headers)).entries as { concerns: string }[]
    expect(own).toEqual(all.filter(({ concerns }) => concerns === "app"))
    const stranger = { authorization: `Bearer ${(await seedApp(api.db)).apiKey}` }
    expect((await read("", stranger)).entries).toEqual([])
    const paused = await read("action=settlement.paused&limit=500", asAdmin())
    expect(paused.entries.every(({ action }: { action: string }) => action === "settlement.paused")).toBe(
      true,
    )
    expect((await read("to_date=2020-01-01T00:00:00Z", asAdmin())).entries).toEqual([])
    expect((await read(`actor=person:${randomUUID()}`, asAdmin())).entries).toEqual([])
  })
})
