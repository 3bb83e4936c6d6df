import type { ContractCall, Prepare } from "./contract-call.ts"
import { named } from "./contract-call.ts"
import { exampleEntries } from "./contract-world.ts"

type Kind = "chains" | "tokens" | "strategies" | "reasons"

const parameterOf = {
  chains: "chain_id",
  tokens: "token",
  strategies: "token",
  reasons: "reason_type",
} as const

/** What an entry is changed to, and back. */
const changeOf: Readonly<Record<Kind, readonly [object, object]>> = {
  chains: [{ block_time_ms: 2_000 }, { block_time_ms: 3_000 }],
  tokens: [{ name: "USD Token" }, { name: "USD Coin" }],
  strategies: [{ max_wait_time_ms: 600_000 }, { max_wait_time_ms: 900_000 }],
  reasons: [{ description: "Minted for a campaign" }, { description: "Minted by hand" }],
}

const entryOf = (kind: Kind): Record<string, string> => ({
  [parameterOf[kind]]: exampleEntries[parameterOf[kind]],
})
const pathOf = (kind: Kind): string => `/admin/${kind}/${Object.values(entryOf(kind)).join("")}`

async function change(kind: Kind, data: Data, to: object): Promise<Record<string, unknown>> {
  const { version } = await data("GET", pathOf(kind))
  return { expected_version: version, reason: "as agreed with the chain's operator", changes: to }
}
type Data = Parameters<Prepare>[0]["world"]["data"]

/** Another version of the entry, so that there are two to compare and to go back to. */
async function versions(kind: Kind, data: Data): Promise<number> {
  const [first, second] = changeOf[kind]
  for (const to of [first, second]) await data("PATCH", pathOf(kind), await change(kind, data, to))
  return (await data("GET", pathOf(kind))).version
}

function callsOf(kind: Kind): Record<string, Prepare> {
  const entry = `/admin/${kind}/{${parameterOf[kind]}}`
  return {
    [`get /admin/${kind}`]: () => ({}),
    [`get ${entry}`]: () => ({ params: entryOf(kind) }),
    [`patch ${entry}`]: async ({ world: { data } }): Promise<ContractCall> => ({
      params: entryOf(kind),
      body: await change(kind, data, changeOf[kind][0]),
    }),
    [`get ${entry}/versions`]: () => ({ params: entryOf(kind), query: { limit: 2 } }),
    [`get ${entry}/versions/{from_version}/diff/{to_version}`]: async ({ world: { data } }) => {
      const version = await versions(kind, data)
      return {
        params: { ...entryOf(kind), from_version: String(version - 1), to_version: String(version) },
      }
    },
    [`post ${entry}/rollback`]: async ({ world: { data } }) => {
      const version = await versions(kind, data)
      return {
        params: entryOf(kind),
        body: { expected_version: version, version: version - 1, reason: "it was a mistake" },
      }
    },
  }
}

const reason = "the game has a second currency"

export const registryCalls: Readonly<Record<string, Prepare>> = {
  ...callsOf("chains"),
  ...callsOf("tokens"),
  ...callsOf("strategies"),
  ...callsOf("reasons"),
  "post /admin/chains": ({ chains }) => ({
    body: {
      chain_id: 7,
      wallet_manager: chains.walletManager,
      reason: "the game moves there",
      document: { name: "seventh", confirmation_blocks: 1, finality: "depth", block_time_ms: 1_000 },
    },
  }),
  "post /admin/tokens": ({ chains }) => ({
    body: {
      chain_id: 31_337,
      token_address: chains.token.address,
      symbol: "GEM",
      decimals: 18,
      reason,
      document: { name: "Gems", features: ["settle"] },
    },
  }),
  "post /admin/reasons": () => ({
    body: {
      reason_type: "tournament_prize",
      reason: "tournaments begin in May",
      document: { description: "A prize", allowed_metadata: ["tournament_id"], business_type: "reward" },
    },
  }),
  "get /admin/keys/{key_id}/rate-limit": named("key_id"),
  "put /admin/keys/{key_id}/rate-limit": ({ world }) => ({
    params: { key_id: world.named["key_id"] ?? "" },
    body: { reason: "the shop sells more in December", rate_limit: { requests_per_second: 200, burst: 400 } },
  }),
}
