import { randomBytes, randomUUID } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { fullPath } from "../../../api/full-path.ts"
import type { Route } from "../../../api/route.ts"
import { routes } from "../../../api/routes.ts"
import { raiseAlarm } from "../../../ledger/store/alarms.ts"
import { giveUp } from "../../support/give-up.ts"
import { upload } from "../../support/import-fixture.ts"
import { seedPerson, signIn, testIdentity } from "../../support/people.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
/** What the first app has, by the name of the parameter that asks for it. */
let theirs: Record<string, string>
/** Whatever of it shows up elsewhere was leaked. */
let marks: string[]
/** Of the second app: a key with every scope, and an admin. */
const strangers = new Map<string, Record<string, string>>()

const change = (userId: string, amount = "+1") => ({
  ...{ user_id: userId, token_symbol: "CPOP", amount, reason_type: "reward" },
  reason_detail: `lives at ${userId}`,
})

beforeAll(async () => {
  api = await startTestApi({
    identity: testIdentity,
    limits: { laneMaxAgeMs: 0 },
    webhooks: { secretKeys: [randomBytes(32)] },
  })
  const { ledgerId } = api.app
  const settlement = await settleByHand(api.db, ledgerId, api.tokens.cpop.tokenId)
  const data = async (method: string, path: string, body?: object) => {
    const reply = await api.call(method, `/api/v1${path}`, body)
    if (reply.status >= 300) throw new Error(`${path}: ${JSON.stringify(reply.body)}`)
    return reply.body.data
  }
  const [user, frozen, operation] = [randomUUID(), randomUUID(), randomUUID()]
  await api.adjust({ adjustments: [change(frozen)] })
  await giveUp({ db: api.db, ledgerId }, settlement, [frozen])
  const { transactions } = await data("POST", "/balance/adjust", {
    operation_id: operation,
    adjustments: [change(user, "+10")],
  })
  const hold = { user_id: user, token_symbol: "CPOP", amount: "2", reason_type: "consumption" }
  const { hold_id } = await data("POST", "/balance/holds", hold)
  await settlement.takeIn()
  await settlement.seal()
  const file = await upload(api, `user_id,token_symbol,amount,reason_type\n${user},CPOP,+1,reward\n`)
  const redaction = await data("POST", "/admin/redactions", { user_id: frozen, reason: "request 4711" })
  const { key_id } = await data("POST", "/admin/keys", { scopes: ["admin"], name: user })
  await data("POST", "/reconciliation/run", { token_symbol: "CPOP" })
  const [batch] = (await data("GET", "/batches")).batches
  const [letter] = (await data("GET", "/dead-letters")).dead_letters
  await raiseAlarm(api.db, { kind: "unknown_batch", subject: user, ledgerId, message: operation })
  const { alarm_id } = (await data("GET", "/alarms")).alarms.find(
    (alarm: { message: string }) => alarm.message === operation,
  )
  const webhook = await data("POST", "/webhooks", { url: "https://8.8.8.8/hook", description: user })
  const { delivery_id } = await data("POST", `/webhooks/${webhook.webhook_id}/test`)
  theirs = {
    webhook_id: webhook.webhook_id,
    delivery_id,
    alarm_id,
    user_id: user,
    hold_id,
    operation_id: operation,
    tx_id: transactions[0].tx_id,
    transaction_id: transactions[0].tx_id,
    import_id: file.data?.import_id ?? "",
    redaction_id: redaction.redaction_id,
    batch_id: batch.batch_id,
    dead_letter_id: letter.dead_letter_id,
    key_id,
    person_id: (await seedPerson(api, [{ role: "admin", appId: api.app.appId }])).personId,
    chain_id: "31337",
    token: "31337:CPOP",
    reason_type: "reward",
    from_version: "1",
    to_version: "1",
    // Of the log, which each app has one of.
    position: "1",
    tree_size: "1",
  }
  // Chains, tokens and reasons are everybody's.
  const ofAll = [theirs["token"]]
  marks = [ledgerId, api.app.appId, user, frozen, operation, ...Object.values(theirs)].filter(
    (mark) => mark.length > 8 && !ofAll.includes(mark),
  )
  const other = await seedApp(api.db)
  const others = { authorization: `Bearer ${await seedKey(api.db, other.app)}` }
  // A log of their own, so that our positions exist in it as well.
  await api.adjust({ adjustments: Array.from({ length: 50 }, () => change("stranger")) }, others)
  strangers.set("a key", others)
  const admin = await seedPerson(api, [{ role: "admin", appId: other.app.appId }])
  strangers.set("an admin", (await signIn(api, admin)).headers)
})
afterAll(() => api.close())

const isNamed = (route: Route) => route.path.includes("{")
/** Ends sessions, of which the others need one. */
const walked = routes.filter(({ path }) => !path.startsWith("/auth/logout"))

/** Something that the route would take, if what it names were there. */
const bodies: Record<string, object> = {
  "/dead-letters/{dead_letter_id}/discard": { reason: "x" },
  "/batches/{batch_id}/cancel": { reason: "x" },
  "/alarms/{alarm_id}/clear": { reason: "x" },
  "/admin/people/{person_id}/roles": { roles: [] },
  "/webhooks/{webhook_id}/replay": { after: "0" },
}

function ask(route: Route, headers: Record<string, string>) {
  const path = fullPath(route).replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = theirs[name]
    if (value === undefined) throw new Error(`say in this test what a {${name}} of another app is`)
    return value
  })
  return fetch(`${api.server.url}${path}`, {
    method: route.method.toUpperCase(),
    redirect: "manual",
    headers: { ...headers, ...(route.method === "get" ? {} : { "content-type": "application/json" }) },
    ...(route.method === "get" ? {} : { body: JSON.stringify(bodies[route.path] ?? {}) }),
  })
}

/** Of what has no end, nothing: it begins with what happens from now on. */
async function read(response: Response): Promise<string> {
  if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true) return response.text()
  await response.body?.cancel()
  return ""
}

describe.each(["a key", "an admin"])("%s of another app", (who) => {
  it("sees nothing of this one, on any route", async () => {
    const leaks: string[] = []
    let answered = 0
    for (const route of walked.filter(({ method }) => method === "get")) {
      const response = await ask(route, strangers.get(who) ?? {})
      const text = await read(response)
      if (!response.ok) continue
      answered += 1
      // What was asked for may be said again.
      const said = marks.filter((mark) => text.includes(mark) && !response.url.includes(mark))
      leaks.push(...said.map((mark) => `${route.path}: ${mark}`))
    }
    expect(leaks).toEqual([])
    expect(answered).toBeGreaterThan(12)
  })

  it("finds nothing that this one has, by its name", async () => {
    const found: string[] = []
    const ofTheLog = ["{position}", "{tree_size}"]
    for (const route of walked.filter(isNamed)) {
      if (ofTheLog.some((name) => route.path.includes(name))) continue
      const { status } = await ask(route, strangers.get(who) ?? {})
      // An address is nobody's secret: it follows from the name, and is another one in every app.
      if (route.path === "/wallet/{user_id}") continue
      if (status !== 404 && status !== 403) found.push(`${route.method} ${route.path}: ${status}`)
    }
    expect(found).toEqual([])
  })
})

it("the app itself finds all of it", async () => {
  const missing: string[] = []
  const unknown = ["/ws", "{tree_size}", "/auth/me", "/audit/proof", "/auth/oidc"]
  for (const route of walked.filter(({ method }) => method === "get")) {
    if (unknown.some((part) => route.path.includes(part))) continue
    const response = await ask(route, { authorization: `Bearer ${api.apiKey}` })
    if (!response.ok) missing.push(`${route.path}: ${response.status}`)
    await read(response)
  }
  expect(missing).toEqual([])
})
