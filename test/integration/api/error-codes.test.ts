import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type ErrorCode, errorCodes } from "../../../api/errors.ts"
import { raiseAlarm } from "../../../ledger/store/alarms.ts"
import { type ContractWorld, seedContractWorld, testWebhooks } from "../../support/contract-world.ts"
import { giveUp } from "../../support/give-up.ts"
import { upload } from "../../support/import-fixture.ts"
import { seedPerson, signIn, testIdentity, trySignIn } from "../../support/people.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let world: ContractWorld
beforeAll(async () => {
  api = await startTestApi({
    identity: testIdentity,
    limits: { laneMaxAgeMs: 0, bodyBytesMax: 100_000 },
    webhooks: testWebhooks,
  })
  world = await seedContractWorld(api)
})
afterAll(() => api.close())

type Answered = {
  readonly status: number
  readonly body: { readonly errors?: readonly { readonly code: string }[] }
}
/** A request, or the test that makes one: where a database, a provider or a connection has to fail first. */
type Provocation = (() => Promise<Answered>) | { readonly file: string; readonly name: string }

const get = (path: string) => () => api.call("GET", `/api/v1${path}`)
const post =
  (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  () =>
    api.call("POST", `/api/v1${path}`, body, headers)
const item = { user_id: "user_123", token_symbol: "CPOP", amount: "+1", reason_type: "reward" }
const adjust = (changes: object, headers: Record<string, string> = {}) =>
  post("/balance/adjust", { adjustments: [{ ...item, ...changes }] }, headers)
const uuid = "0193c5e0-0000-7000-8000-000000000000"
const twice = async (first: () => Promise<Answered>, second = first): Promise<Answered> => {
  expect((await first()).status).toBeLessThan(300)
  return second()
}
const elsewhere = (path: string, name: string) => ({ file: `test/integration/${path}.test.ts`, name })
const ofWorld = (name: string): string => world.named[name] ?? ""

async function newHold(): Promise<string> {
  const hold = { ...item, amount: "2", reason_type: "consumption" }
  return (await world.data("POST", "/balance/holds", hold)).hold_id
}

async function newDeadLetter(user: string): Promise<string> {
  await world.data("POST", "/batches/resume", {})
  await world.data("POST", "/balance/adjust", { adjustments: [{ ...item, user_id: user }] })
  await giveUp({ db: api.db, ledgerId: api.app.ledgerId }, world.settlement, [user])
  return (await world.data("GET", "/dead-letters?status=open")).dead_letters[0].dead_letter_id
}

/** Nested so deeply that the limit on it is met. */
const deep = (levels: number): unknown => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`)

/** Of each code one request that is answered with it. A new code needs one here. */
const provocations: Readonly<Record<ErrorCode, Provocation>> = {
  MALFORMED_JSON: post("/balance/adjust", "{"),
  MALFORMED_CSV: async () => {
    const { status, errors = [] } = await upload(api, "")
    return { status, body: { errors } }
  },
  MALFORMED_REQUEST: elsewhere(
    "api/broken-requests",
    "answers what the parser refuses in the envelope and closes: %s",
  ),
  MALFORMED_TEXT: adjust({ user_id: "a\u0000" }),
  BODY_TOO_DEEP: adjust({ metadata: { activity_id: deep(40) } }),
  INVALID_PARAMETER: get("/batches?limit=0"),
  UNKNOWN_PARAMETER: get("/batches?colour=blue"),
  INVALID_CURSOR: get("/batches?cursor=0"),
  IDEMPOTENCY_KEY_MISMATCH: post(
    "/balance/adjust",
    { operation_id: "a", adjustments: [item] },
    { "idempotency-key": "b" },
  ),
  APP_REQUIRED: async () => {
    const other = (await seedApp(api.db)).app
    const grants = [api.app.appId, other.appId].map((appId) => ({ role: "analyst" as const, appId }))
    const { headers } = await signIn(api, await seedPerson(api, grants))
    return api.call("GET", "/api/v1/batches", undefined, { ...headers })
  },
  UNAUTHENTICATED: () => api.call("GET", "/api/v1/batches", undefined, { authorization: "" }),
  INVALID_CREDENTIALS: () => trySignIn(api, { email: "nobody@example.com", password: "a guess of somebody" }),
  SIGN_IN_FAILED: elsewhere(
    "api/oidc",
    "says so where the provider refuses, is not there, or is not configured",
  ),
  FORBIDDEN: async () => {
    const authorization = `Bearer ${await seedKey(api.db, api.app, ["nft:write"])}`
    return api.call("GET", "/api/v1/batches", undefined, { authorization })
  },
  PASSWORD_CHANGE_REQUIRED: async () => {
    const email = `${randomUUID()}@example.com`
    const { initial_password: password } = await world.data("POST", "/admin/people", { email, roles: [] })
    return trySignIn(api, { email, password })
  },
  NOT_FOUND: get("/nowhere"),
  UNKNOWN_USER: get("/balance/nobody"),
  UNKNOWN_BATCH: get("/batches/nothing"),
  UNKNOWN_OPERATION: get("/operations/nothing"),
  UNKNOWN_TRANSACTION: get("/transaction/nothing"),
  UNKNOWN_HOLD: get("/balance/holds/nothing"),
  UNKNOWN_REDACTION: get("/admin/redactions/nothing"),
  UNKNOWN_POSITION: get("/audit/proof/999999"),
  UNKNOWN_CHECKPOINT: get("/audit/proof/1?tree_size=999999"),
  UNKNOWN_RECONCILIATION_RUN: get(`/reconciliation?run_id=${uuid}`),
  UNKNOWN_IMPORT: get(`/imports/${uuid}`),
  UNKNOWN_ALARM: post(`/alarms/${uuid}/clear`, { reason: "x" }),
  UNKNOWN_DEAD_LETTER: post("/dead-letters/nothing/retry"),
  UNKNOWN_KEY: post(`/admin/keys/${uuid}/revoke`),
  UNKNOWN_PERSON: post(`/admin/people/${uuid}/disable`),
  UNKNOWN_WEBHOOK: get(`/webhooks/${uuid}`),
  UNKNOWN_DELIVERY: () => get(`/webhooks/${ofWorld("webhook_id")}/deliveries/999999`)(),
  UNKNOWN_ENTRY: get("/admin/reasons/nothing"),
  UNKNOWN_VERSION: get("/admin/reasons/mint/versions/98/diff/99"),
  METHOD_NOT_ALLOWED: () => api.call("DELETE", "/api/v1/batches"),
  REQUEST_TIMEOUT: elsewhere(
    "faults/slow-clients",
    "is told so and cut off, headers or body, and meanwhile keeps nobody else waiting",
  ),
  APP_EXISTS: () => twice(post("/admin/apps", { name: "twice" })),
  ENTRY_EXISTS: () => {
    const document = { description: "A prize", allowed_metadata: [], business_type: "reward" }
    return twice(post("/admin/reasons", { reason_type: "prize", reason: "x", document }))
  },
  VERSION_CONFLICT: () =>
    api.call("PATCH", "/api/v1/admin/reasons/mint", {
      ...{ expected_version: 99, reason: "x" },
      changes: { priority: "low" },
    }),
  KEY_ENDED: async () => {
    const { key_id } = await world.data("POST", "/admin/keys", { scopes: ["admin"] })
    return twice(post(`/admin/keys/${key_id}/revoke`), post(`/admin/keys/${key_id}/rotate`))
  },
  PERSON_EXISTS: () => twice(post("/admin/people", { email: "twice@example.com", roles: [] })),
  LAST_ADMIN: () =>
    twice(
      post(`/admin/people/${world.leaver.personId}/disable`),
      post(`/admin/people/${world.admin.personId}/disable`),
    ),
  IDEMPOTENCY_CONFLICT: () =>
    twice(
      post("/balance/adjust", { operation_id: "taken", adjustments: [item] }),
      post("/balance/adjust", { operation_id: "taken", adjustments: [{ ...item, amount: "+2" }] }),
    ),
  ANSWER_SHOWN_ONCE: () => twice(post("/admin/keys", { scopes: ["ledger:read"], operation_id: "a-new-key" })),
  HOLD_ENDED: async () => twice(post(`/balance/holds/${await newHold()}/release`)),
  IMPORT_NOT_FAILED: () => post(`/imports/${ofWorld("import_id")}/abandon`)(),
  ALREADY_REVERSED: () => twice(post(`/adjustments/${ofWorld("tx_id")}/reverse`)),
  BATCH_NOT_CANCELLABLE: elsewhere("api/cancel-batch", "a batch that was taken apart"),
  CANCELLATION_UNSUPPORTED: elsewhere("api/cancel-batch", "a batch of a token that knows no batch ids"),
  ALARM_HAS_CAUSE: async () => {
    const alarm = {
      kind: "batch_failing" as const,
      subject: randomUUID(),
      ledgerId: api.app.ledgerId,
      message: "x",
    }
    await raiseAlarm(api.db, alarm)
    const [{ alarm_id }] = (await world.data("GET", "/alarms?status=open&limit=1")).alarms
    return post(`/alarms/${alarm_id}/clear`, { reason: "x" })()
  },
  DEAD_LETTER_CLOSED: async () => twice(post(`/dead-letters/${await newDeadLetter("dora")}/retry`)),
  NOTHING_TO_DISCARD: async () => {
    const letter = await newDeadLetter("nora")
    // As a reorganisation leaves it, which has put its changes back into their batch.
    await sql`
      UPDATE settlement.batch_items i SET state = 'sealed', batch_sequence = b.batch_sequence
      FROM settlement.batches b WHERE i.state = 'waiting' AND b.ledger_id = i.ledger_id`.execute(api.db)
    return post(`/dead-letters/${letter}/discard`, { reason: "x" })()
  },
  WEBHOOK_DISABLED: () => post(`/webhooks/${ofWorld("webhook_id")}/test`)(),
  TOO_MANY_WEBHOOKS: elsewhere("api/webhooks/routes", "TOO_MANY_WEBHOOKS"),
  PAYLOAD_TOO_LARGE: adjust({ reason_detail: "x".repeat(200_000) }),
  UNSUPPORTED_MEDIA_TYPE: adjust({}, { "content-type": "text/plain" }),
  INVALID_FIELD: adjust({ user_id: "" }),
  UNKNOWN_FIELD: adjust({ colour: "blue" }),
  INVALID_AMOUNT: adjust({ amount: "0" }),
  UNKNOWN_TOKEN: adjust({ token_symbol: "NONE" }),
  AMBIGUOUS_TOKEN: adjust({ token_symbol: "USDT" }),
  UNKNOWN_REASON: adjust({ reason_type: "whim" }),
  TOKEN_RETIRED: elsewhere("api/registry-new", "TOKEN_RETIRED"),
  REASON_RETIRED: elsewhere("api/registry-new", "REASON_RETIRED"),
  FIELD_IS_FIXED: elsewhere("api/registry-admin", "FIELD_IS_FIXED"),
  TOKEN_UNFIT: elsewhere("api/registry-new", "TOKEN_UNFIT"),
  CHAIN_UNFIT: elsewhere("api/registry-new", "CHAIN_UNFIT"),
  WEBHOOK_TARGET_REFUSED: post("/webhooks", { url: "https://127.0.0.1/hook" }),
  METADATA_NOT_ALLOWED: adjust({ metadata: { colour: "blue" } }),
  INSUFFICIENT_BALANCE: adjust({ user_id: "poor", amount: "-1", reason_type: "consumption" }),
  DEBIT_NOT_SUPPORTED: {
    file: "test/integration/api/treasury-token.test.ts",
    name: "a token that a treasury pays is credited, and nothing that would have to be taken back is recorded",
  },
  CAPTURE_TOO_LARGE: async () => post(`/balance/holds/${await newHold()}/capture`, { amount: "3" })(),
  NOT_REVERSIBLE: async () => {
    const { transactions } = await world.data("POST", "/balance/adjust", { adjustments: [item] })
    const reversal = await world.data("POST", `/adjustments/${transactions[0].tx_id}/reverse`, {})
    return post(`/adjustments/${reversal.transactions[0].tx_id}/reverse`)()
  },
  BALANCE_OUT_OF_RANGE: () => twice(adjust({ user_id: "rich", amount: `+3${"0".repeat(58)}` })),
  UNKNOWN_APP: post("/admin/people", {
    email: "eve@example.com",
    roles: [{ role: "analyst", app_id: uuid }],
  }),
  RATE_LIMITED: elsewhere(
    "api/rate-limits",
    "counts what is refused for other reasons, too, and stands before the work",
  ),
  UPGRADE_REQUIRED: get("/ws"),
  HEADERS_TOO_LARGE: elsewhere(
    "api/broken-requests",
    "answers what the parser refuses in the envelope and closes: %s",
  ),
  INTERNAL: elsewhere("api/refusals", "answers 500 without a word about the cause"),
  CHAIN_UNAVAILABLE: () => get(`/balance/${ofWorld("user_id")}?realtime=true`)(),
  LEDGER_UNAVAILABLE: elsewhere("api/faults", "everything says so in the envelope, and the process lives"),
  PROVIDER_UNAVAILABLE: elsewhere(
    "api/oidc",
    "says so where the provider refuses, is not there, or is not configured",
  ),
  SIGN_IN_UNAVAILABLE: get("/auth/oidc/start"),
  WEBHOOKS_UNAVAILABLE: elsewhere("api/webhooks/routes", "WEBHOOKS_UNAVAILABLE"),
  NOT_READY: elsewhere("api/faults", "everything says so in the envelope, and the process lives"),
  STORAGE_FULL: elsewhere(
    "faults/disk-full",
    "is said to be so, at once and with what to do; nothing is there in halves, reads go on, and so do writes when there is space",
  ),
  OVERLOADED: elsewhere("api/faults", "is turned away when the queue is full, and nothing is recorded"),
  TIMEOUT: elsewhere(
    "api/faults",
    "that takes too long is answered, and its outcome is there when asked again",
  ),
}

it.each(Object.keys(errorCodes) as ErrorCode[])("%s is met as it is documented", async (code) => {
  const provocation = provocations[code]
  if (typeof provocation !== "function") {
    const text = readFileSync(join(import.meta.dirname, "../../..", provocation.file), "utf8")
    expect([text.includes(provocation.name), text.includes(code)]).toEqual([true, true])
    return
  }
  const { status, body } = await provocation()
  expect([status, body.errors?.[0]?.code]).toEqual([errorCodes[code].status, code])
})
