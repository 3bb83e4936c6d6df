import { randomUUID } from "node:crypto"
import { type Kysely, sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { permissionTable } from "../../../api/permissions.ts"
import { routes } from "../../../api/routes.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { everyRow, listTables } from "../../support/every-row.ts"
import { seedPerson, signIn } from "../../support/people.ts"
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

const token = { token_symbol: "CPOP" }
const newUser = () => `user_${randomUUID()}`
const send = (
  { method = "POST", path, body, headers = world.asAnn }: Call,
  requestId: string,
): Promise<ApiReply> => api.call(method, `/api/v1${path}`, body, { ...headers, "x-request-id": requestId })

async function entriesOf(requestId: string) {
  const { rows } = await sql<Record<string, unknown>>`
    SELECT actor, action, before, after, host(address) AS address FROM registry.audit_log
    WHERE request_id = ${requestId} ORDER BY entry_id`.execute(api.db)
  return rows
}

/** The tables that the transaction of an entry has written to besides. */
async function writtenWith(requestId: string): Promise<string[]> {
  const written: string[] = []
  for (const name of await listTables(owner)) {
    const { rows } = await sql`
      SELECT 1 FROM ${sql.raw(name)} t WHERE t.xmin IN (SELECT xmin FROM registry.audit_log WHERE request_id = ${requestId}) LIMIT 1`.execute(
      owner,
    )
    if (rows.length > 0) written.push(name)
  }
  return written
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
      const prepared = await world.acts[path]?.prepare()
      if (prepared === undefined) throw new Error(`say in this test how ${path} is used`)
      const before = await everyRow(owner)
      const failed = await whileTheLogIsBroken(() => send(prepared, "broken"))
      expect([failed.status, await everyRow(owner)]).toEqual([500, before])
      const requestId = randomUUID()
      expect((await send(prepared, requestId)).status).toBeLessThan(300)
      expect(await writtenWith(requestId)).not.toEqual([])
      const isOwn = prepared.headers !== undefined
      expect((await entriesOf(requestId))[0]).toMatchObject({
        actor: isOwn ? expect.stringMatching(/^person:/) : `person:${world.ann.personId}`,
        action: world.acts[path]?.action,
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
    const before = await everyRow(owner)
    expect((await whileTheLogIsBroken(() => send(mine, "broken"))).status).toBe(500)
    expect(await everyRow(owner)).toEqual(before)
    await send(mine, "by-ann")
    await send(mine, "by-ann-again")
    expect(await entriesOf("by-ann")).toMatchObject([
      {
        actor: `person:${world.ann.personId}`,
        action: "ledger.written",
        after: { route: "/balance/adjust" },
      },
    ])
    expect(await entriesOf("by-ann-again")).toEqual([])
    expect((await api.adjust(body(), { "x-request-id": "by-key" })).status).toBe(200)
    expect(await entriesOf("by-key")).toEqual([])
    const file = `user_id,token_symbol,amount,reason_type\n${newUser()},CPOP,+1,reward\n`
    const response = await fetch(`${api.server.url}/api/v1/imports`, {
      method: "POST",
      headers: { ...world.asAnn, "content-type": "text/csv", "x-request-id": "import-by-ann" },
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
    const all = (await read("limit=500", world.asAnn)).entries as { entry_id: string; concerns: string }[]
    const ids = all.map(({ entry_id }) => BigInt(entry_id))
    expect(ids).toEqual([...ids].sort((a, b) => (a < b ? 1 : -1)))
    const paged: string[] = []
    for (let cursor = ""; ; ) {
      const page = await read(`limit=7${cursor}`, world.asAnn)
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
    const paused = await read("action=settlement.paused&limit=500", world.asAnn)
    expect(paused.entries.every(({ action }: { action: string }) => action === "settlement.paused")).toBe(
      true,
    )
    expect((await read("to_date=2020-01-01T00:00:00Z", world.asAnn)).entries).toEqual([])
    expect((await read(`actor=person:${randomUUID()}`, world.asAnn)).entries).toEqual([])
  })
})
