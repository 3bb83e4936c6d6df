import { createHash, randomUUID } from "node:crypto"
import { sql } from "kysely"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { named, type Prepare } from "./contract-call.ts"
import { registryCalls } from "./contract-calls-registry.ts"
import { webhookCalls } from "./contract-calls-webhooks.ts"
import type { ContractWorld } from "./contract-world.ts"
import { giveUp } from "./give-up.ts"
import { upload } from "./import-fixture.ts"
import { seedPerson, signIn } from "./people.ts"
import type { TestApi } from "./test-api.ts"

const token = { token_symbol: "CPOP" }
const item = { user_id: "user_123", ...token, amount: "+12.5", reason_type: "reward" }
const nothing: Prepare = () => ({})
const withBody =
  (body: unknown): Prepare =>
  () => ({ body })

async function newHold({ world }: { readonly world: ContractWorld }): Promise<Record<string, string>> {
  const hold = { user_id: "user_123", ...token, amount: "2", reason_type: "consumption" }
  return { hold_id: (await world.data("POST", "/balance/holds", hold)).hold_id }
}

async function newKey({ world }: { readonly world: ContractWorld }): Promise<Record<string, string>> {
  return { key_id: (await world.data("POST", "/admin/keys", { scopes: ["ledger:read"] })).key_id }
}

async function newPerson({ api }: { readonly api: TestApi }): Promise<Record<string, string>> {
  return { person_id: (await seedPerson(api, [])).personId }
}

const newDeadLetter: Prepare = async ({ api, world }) => {
  const user = `user_${randomUUID().slice(0, 8)}`
  await world.data("POST", "/balance/adjust", { adjustments: [{ ...item, user_id: user }] })
  await giveUp({ db: api.db, ledgerId: api.app.ledgerId }, world.settlement, [user])
  const [{ dead_letter_id }] = (await world.data("GET", "/dead-letters?status=open")).dead_letters
  return { params: { dead_letter_id } }
}

const ofAdmin: Prepare = async ({ api, world }) => ({
  headers: { ...(await signIn(api, world.admin)).headers, "x-app-id": api.app.appId },
})

const reason = { reason: "an inspection" }

/** Of each route one request, by method and path below /api/v1. A new route needs one here: it becomes the example of its description. */
export const contractCalls: Readonly<Record<string, Prepare>> = {
  ...registryCalls,
  ...webhookCalls,
  "post /balance/adjust": withBody({
    operation_id: "daily_rewards_20241216",
    adjustments: [
      { ...item, reason_detail: "Daily check-in", metadata: { activity_id: "check_in_20241216" } },
    ],
  }),
  "post /assets/adjust": withBody({
    operation_id: "check_ins_20241215",
    adjustments: [{ ...item, business_type: "reward", reason_type: "daily_checkin" }],
    batch_preference: { priority: "normal", max_wait_time: "15m", force_immediate: false },
  }),
  "post /rewards/distribute": withBody({
    operation_id: "check_in_rewards_20241215",
    reward_batch: { activity_id: "check_in_20241215", reward_type: "daily_checkin", ...token },
    recipients: [
      { user_id: "user_123", amount: "100.0", tier: "premium" },
      { user_id: "user_456", amount: "50", tier: "basic" },
    ],
  }),
  "post /consumption/deduct": withBody({
    operation_id: "transfer_fee_4711",
    consumption: { service_type: "gas_fee", service_id: "transfer_4711", ...token },
    deductions: [{ user_id: "user_123", amount: "25.5", reason: "Gas of a transfer" }],
  }),
  "get /balance/{user_id}": named("user_id"),
  "get /balance/{user_id}/history": ({ world }) => ({
    params: { user_id: world.named["user_id"] ?? "" },
    query: { ...token, limit: 2 },
  }),
  "get /users/{user_id}/assets": named("user_id"),
  "get /users/{user_id}/transactions": ({ world }) => ({
    params: { user_id: world.named["user_id"] ?? "" },
    query: { limit: 2 },
  }),
  "get /transactions/{user_id}": ({ world }) => ({
    params: { user_id: world.named["user_id"] ?? "" },
    query: { limit: 2 },
  }),
  "get /balance/{user_id}/holds": named("user_id"),
  "post /balance/holds": withBody({
    operation_id: "order_4711",
    user_id: "user_123",
    ...token,
    amount: "12.5",
    reason_type: "consumption",
    expires_in: 3_600,
  }),
  "get /balance/holds/{hold_id}": named("hold_id"),
  "post /balance/holds/{hold_id}/capture": async (more) => ({
    params: await newHold(more),
    body: { amount: "1.5" },
  }),
  "post /balance/holds/{hold_id}/release": async (more) => ({ params: await newHold(more), body: {} }),
  "post /adjustments/{tx_id}/reverse": async ({ world }) => {
    const { transactions } = await world.data("POST", "/balance/adjust", { adjustments: [item] })
    return { params: { tx_id: transactions[0].tx_id }, body: { reason_detail: "Booked twice" } }
  },
  "post /admin/redactions": async ({ world }) => {
    await world.data("POST", "/balance/adjust", {
      adjustments: [{ ...item, user_id: "user_789", reason_detail: "lives at 7 Mill Lane" }],
    })
    return { body: { operation_id: "request_4711", user_id: "user_789", reason: "request 4711" } }
  },
  "get /admin/redactions/{redaction_id}": named("redaction_id"),
  "get /operations/{operation_id}": named("operation_id"),
  "get /transaction/{transaction_id}": named("transaction_id"),
  "get /wallet/{user_id}": named("user_id"),
  "post /imports": () => ({
    headers: { "content-type": "text/csv" },
    query: { operation_id: "opening_20241215", file_name: "opening.csv" },
    body: "user_id,token_symbol,amount,reason_type\nuser_123,CPOP,+10,reward\n",
  }),
  "get /imports/{import_id}": named("import_id"),
  "get /imports/{import_id}/refused": named("import_id"),
  "post /imports/{import_id}/abandon": async ({ api }) => {
    const content = `user_id,token_symbol,amount,reason_type\n${randomUUID()},CPOP,+1,reward\n`
    const { data } = await upload(api, content)
    await sql`UPDATE ledger.imports SET state = 'failed', error = 'the worker stopped', finished_at = now()
      WHERE import_id = ${data?.import_id ?? ""}`.execute(api.db)
    return { params: { import_id: data?.import_id ?? "" } }
  },
  "post /batches/flush": withBody(token),
  "post /batches/pause": withBody({ ...token, ...reason }),
  "post /batches/resume": withBody(token),
  "post /batches/{batch_id}/cancel": async ({ world }) => {
    await world.data("POST", "/batches/resume", {})
    await world.data("POST", "/balance/adjust", { adjustments: [item] })
    await world.settlement.takeIn()
    await world.settlement.seal()
    const [{ batch_id }] = (await world.data("GET", "/batches?limit=1")).batches
    return { params: { batch_id }, body: { reason: "it reverts" } }
  },
  "get /batches": () => ({ query: { limit: 1 } }),
  "get /batches/{batch_id}": named("batch_id"),
  "get /dead-letters": () => ({ query: { limit: 1 } }),
  "post /dead-letters/{dead_letter_id}/retry": newDeadLetter,
  "post /dead-letters/{dead_letter_id}/discard": async (more) => ({
    ...(await newDeadLetter(more)),
    body: { reason: "the address is frozen" },
  }),
  "get /gas/savings": nothing,
  "get /chains": nothing,
  "get /tokens": () => ({ query: { chain_id: 31_338 } }),
  "get /reasons": nothing,
  "get /reconciliation": nothing,
  "post /reconciliation/run": withBody(token),
  "get /audit/head": nothing,
  "get /audit/proof/{position}": named("position"),
  "get /audit/checkpoints": nothing,
  "get /audit/checkpoints/{tree_size}/consistency": async ({ world }) => {
    const { checkpoints } = await world.data("GET", "/audit/checkpoints")
    const sizes = checkpoints.map(({ tree_size }: { tree_size: string }) => Number(tree_size))
    return { params: { tree_size: String(Math.max(...sizes)) }, query: { from: Math.min(...sizes) } }
  },
  "get /audit/events": () => ({ query: { limit: 2 } }),
  "get /stream": () => ({ query: { after: "0" } }),
  "get /admin/apps": nothing,
  "post /admin/apps": withBody({ name: "shop" }),
  "get /admin/keys": () => ({ query: { limit: 1 } }),
  "post /admin/keys": withBody({
    name: "checkout",
    scopes: ["ledger:write", "ledger:read"],
    allowed_from: ["203.0.113.0/24"],
    expires_at: "2030-12-31T00:00:00Z",
  }),
  "post /admin/keys/{key_id}/rotate": async (more) => ({
    params: await newKey(more),
    body: { overlap_seconds: 3_600 },
  }),
  "post /admin/keys/{key_id}/revoke": async (more) => ({ params: await newKey(more) }),
  "get /admin/audit-log": () => ({ query: { limit: 2 } }),
  "get /admin/people": () => ({ query: { limit: 1 } }),
  "post /admin/people": withBody({ email: "ann@example.com", name: "Ann", roles: [{ role: "analyst" }] }),
  "post /admin/people/{person_id}/roles": async (more) => ({
    params: await newPerson(more),
    body: { roles: [{ role: "auditor", app_id: more.api.app.appId }] },
  }),
  "post /admin/people/{person_id}/disable": async (more) => ({ params: await newPerson(more) }),
  "post /admin/people/{person_id}/enable": async (more) => ({ params: await newPerson(more) }),
  "post /admin/people/{person_id}/invite": async (more) => ({ params: await newPerson(more), body: {} }),
  "post /auth/login": ({ world: { admin } }) => ({
    headers: { authorization: "" },
    body: { email: admin.email, password: admin.password },
  }),
  "post /auth/refresh": async ({ api, world }) => ({
    headers: { authorization: "" },
    body: { refresh_token: (await signIn(api, world.admin)).refresh_token },
  }),
  "post /auth/logout": ofAdmin,
  "post /auth/logout-all": ofAdmin,
  "get /auth/me": ofAdmin,
  "post /auth/password": async ({ api }) => {
    const person = await seedPerson(api, [])
    return {
      headers: (await signIn(api, person)).headers,
      body: { current_password: person.password, new_password: "a long walk by the sea" },
    }
  },
  "get /alarms": () => ({ query: { status: "open", limit: 1 } }),
  "post /alarms/{alarm_id}/clear": async ({ api, world }) => {
    const { ledgerId } = api.app
    const subject = createHash("sha256").update(randomUUID()).digest("hex")
    const message = "the chain knows a batch that the ledger does not"
    await raiseAlarm(api.db, { kind: "settled_twice", subject, ledgerId, message })
    const [{ alarm_id }] = (await world.data("GET", "/alarms?limit=1")).alarms
    return { params: { alarm_id }, body: { reason: "the transaction was a test of ours" } }
  },
  "get /system/health": nothing,
  "get /health": nothing,
  "get /livez": nothing,
  "get /readyz": nothing,
}
