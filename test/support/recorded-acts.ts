import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import type { ChainsToRegister } from "./chains-to-register.ts"
import { giveUp } from "./give-up.ts"
import { upload } from "./import-fixture.ts"
import { seedPerson, signIn, type TestPerson } from "./people.ts"
import type { HandSettlement } from "./settle-by-hand.ts"
import type { TestApi } from "./test-api.ts"

export type Call = {
  /** POST, unless it says so. */
  readonly method?: string
  readonly path: string
  readonly body?: object
  readonly headers?: Record<string, string>
}
export type Act = { readonly action: string; prepare(): Promise<Call> }

const act = (action: string, prepare: () => Promise<Call> | Call): Act => ({
  action,
  prepare: () => Promise.resolve(prepare()),
})

/** Of each route whose use has to be told: a request that is accepted. By path; other methods than POST are named before it. */
export function recordedActs(world: {
  readonly api: TestApi
  readonly chains: ChainsToRegister
  readonly settlement: HandSettlement
  /** Changes their password. */
  readonly ann: TestPerson
}): Record<string, Act> {
  const { api, chains, settlement, ann } = world
  const token = { token_symbol: "CPOP" }
  const newUser = () => `user_${randomUUID()}`

  async function deadLetter(): Promise<string> {
    const user = newUser()
    await api.fund(user, "10")
    await giveUp({ db: api.db, ledgerId: api.app.ledgerId }, settlement, [user], "AccountFrozen()")
    return (await api.call("GET", "/api/v1/dead-letters?status=open")).body.data.dead_letters[0]
      .dead_letter_id
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
    return {
      path: `${path}/rollback`,
      body: { expected_version, version: expected_version - 1, reason: "x" },
    }
  }

  return {
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
      return {
        path: "/admin/redactions",
        body: { operation_id: randomUUID(), tx_ids, reason: "request 4711" },
      }
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
}
