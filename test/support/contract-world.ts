import { randomUUID } from "node:crypto"
import type { Kysely } from "kysely"
import type { WebhookOptions } from "../../api/context.ts"
import { makeCheckpoint } from "../../ledger/audit/make-checkpoint.ts"
import { auditKeyOf } from "../../ledger/domain/audit-key.ts"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { callApi } from "./call-api.ts"
import { giveUp } from "./give-up.ts"
import { upload } from "./import-fixture.ts"
import { seedPerson, type TestPerson } from "./people.ts"
import type { SeededRegistry } from "./seed-registry.ts"
import { type HandSettlement, settleByHand } from "./settle-by-hand.ts"

/** Entries of the registry that routes are asked for, by the name of the path parameter. */
export const exampleEntries = { chain_id: "31338", token: "31338:USDT", reason_type: "mint" } as const

/** What a world is made of: TestApi has it, and so has an API in a process of its own. */
export type WorldApi = Pick<SeededRegistry, "app" | "apiKey" | "tokens"> & {
  readonly db: Kysely<Database>
  readonly server: { readonly url: string }
}

export type ContractWorld = {
  readonly settlement: HandSettlement
  /** An admin of all apps. */
  readonly admin: TestPerson
  /** Another one, whose sessions may end. */
  readonly leaver: TestPerson
  /** Something that there is, by the name of the path parameter that asks for it. */
  readonly named: Readonly<Record<string, string>>
  /** An answer's data. @throws where it is refused */
  data(
    method: string,
    path: string,
    body?: object,
    headers?: Record<string, string>,
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers whose shape is what they test
  ): Promise<any>
}

/** Webhooks whose names lead somewhere, whatever the name servers know. Nothing is delivered where no worker runs. */
export const testWebhooks: WebhookOptions = {
  secretKeys: [Buffer.alloc(32, 9)],
  resolve: () => Promise.resolve(["8.8.8.8"]),
}

const secondVersions: Readonly<Record<string, object>> = {
  chains: { block_time_ms: 3_000 },
  tokens: { name: "USD Coin" },
  strategies: { max_wait_time_ms: 900_001 },
  reasons: { description: "Minted by hand" },
}

/** One of everything that a route can name, so that each route has something to answer with. */
export async function seedContractWorld(api: WorldApi): Promise<ContractWorld> {
  const { ledgerId } = api.app
  const settlement = await settleByHand(api.db, ledgerId, api.tokens.cpop.tokenId)
  const data: ContractWorld["data"] = async (method, path, body, headers) => {
    const reply = await callApi(api.server.url, api.apiKey, method, `/api/v1${path}`, body, headers)
    if (reply.status >= 300) throw new Error(`${path}: ${JSON.stringify(reply.body)}`)
    return reply.body.data
  }
  const adjustment = (userId: string, amount: string) => ({
    ...{ user_id: userId, token_symbol: "CPOP", amount, reason_type: "reward" },
    reason_detail: "Daily check-in",
    metadata: { activity_id: "check_in_20241215" },
  })
  const user = "user_123"
  await data("POST", "/balance/adjust", { adjustments: [adjustment("user_456", "+50")] })
  await giveUp({ db: api.db, ledgerId }, settlement, ["user_456"])
  const auditKey = auditKeyOf(Buffer.alloc(32, 7))
  await makeCheckpoint(api.db, ledgerId, auditKey, new Date())
  const operationId = "daily_rewards_20241215"
  const { transactions } = await data("POST", "/balance/adjust", {
    operation_id: operationId,
    adjustments: [adjustment(user, "+1000000")],
  })
  await settlement.takeIn()
  const batch = await settlement.seal()
  if (batch !== null) await settlement.confirm(batch)
  const hold = { user_id: user, token_symbol: "CPOP", amount: "2", reason_type: "consumption" }
  const { hold_id } = await data("POST", "/balance/holds", hold)
  await data("POST", "/balance/adjust", { adjustments: [adjustment(user, "+7")] })
  await settlement.takeIn()
  await settlement.seal()
  const file = await upload(api, `user_id,token_symbol,amount,reason_type\n${user},CPOP,+1,reward\n`)
  const redaction = await data("POST", "/admin/redactions", { user_id: "user_456", reason: "request 4711" })
  const { key_id } = await data("POST", "/admin/keys", { scopes: ["ledger:read"], name: "checkout" })
  await data("POST", "/reconciliation/run", { token_symbol: "CPOP" })
  const [{ batch_id }] = (await data("GET", "/batches")).batches
  const [{ dead_letter_id }] = (await data("GET", "/dead-letters")).dead_letters
  await raiseAlarm(api.db, {
    ...{ kind: "unknown_batch", subject: randomUUID(), ledgerId },
    message: "the chain knows a batch that the ledger does not",
  })
  const [{ alarm_id }] = (await data("GET", "/alarms")).alarms
  await makeCheckpoint(api.db, ledgerId, auditKey, new Date())
  const { checkpoints } = await data("GET", "/audit/checkpoints")
  for (const path of [
    `/admin/chains/${exampleEntries.chain_id}`,
    `/admin/tokens/${exampleEntries.token}`,
    `/admin/strategies/${exampleEntries.token}`,
    `/admin/reasons/${exampleEntries.reason_type}`,
  ]) {
    const { version } = await data("GET", path)
    const changes = secondVersions[path.split("/")[2] ?? ""]
    await data("PATCH", path, { expected_version: version, reason: "as agreed", changes })
  }
  // An address that no name has to be looked up for. Nothing is delivered there: it is disabled again.
  const { webhook_id } = await data("POST", "/webhooks", { url: "https://8.8.8.8/hooks/chainbridge" })
  const { delivery_id } = await data("POST", `/webhooks/${webhook_id}/test`)
  await data("PATCH", `/webhooks/${webhook_id}`, { is_enabled: false })
  const admin = await seedPerson(api, [{ role: "admin", appId: null }])
  return {
    settlement,
    admin,
    leaver: await seedPerson(api, [{ role: "admin", appId: null }]),
    data,
    named: {
      ...{ alarm_id, hold_id, batch_id, dead_letter_id, key_id, webhook_id, delivery_id },
      ...exampleEntries,
      ...{ from_version: "1", to_version: "2" },
      user_id: user,
      operation_id: operationId,
      tx_id: transactions[0].tx_id,
      transaction_id: transactions[0].tx_id,
      import_id: file.data?.import_id ?? "",
      redaction_id: redaction.redaction_id,
      person_id: (await seedPerson(api, [{ role: "analyst", appId: api.app.appId }])).personId,
      position: "1",
      tree_size: String(Math.max(...checkpoints.map((one: { tree_size: string }) => Number(one.tree_size)))),
    },
  }
}
