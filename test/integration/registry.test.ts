import { join } from "node:path"
import pg from "pg"
import type { Hex } from "viem"
import { afterAll, beforeAll, expect, test } from "vitest"
import { applyConfiguration, type ChainFacts } from "../../cli/registry/apply-configuration.ts"
import type { ConfiguredToken } from "../../cli/registry/choose-mode.ts"
import { buildIndexerSources } from "../../cli/registry/indexer-sources.ts"
import { rewriteConfiguration } from "../../cli/stack/stack-contents.ts"
import { parseIndexerSources } from "../../indexer/sources.ts"
import { readCheckpointPolicy } from "../../ledger/audit/find-due-ledgers.ts"
import type { Database } from "../../ledger/store/database.ts"
import { loadConfiguration } from "../../platform/config/load-configuration.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"

const configuration = loadConfiguration({ directory: join(import.meta.dirname, "..", "..", "config") })
const facts: ChainFacts = {
  chainId: 31_337,
  genesisHash: `0x${"1".repeat(64)}`,
  walletManager: `0x${"2".repeat(40)}`,
  walletInitCodeHash: `0x${"3".repeat(64)}`,
  auditAnchor: `0x${"D".repeat(40)}`,
  treasury: null,
  deployedTokens: { CPOP: { address: `0x${"A".repeat(40)}`, startBlock: 7 } },
}

let database: TestDatabase
let pool: pg.Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = createPool({ databaseUrl: database.appUrl, applicationName: "test", connectionsMax: 2 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

test("whoever listens to the registry hears of a configuration that was applied, and of none that failed", async () => {
  const listener = await connect(database.appUrl)
  const heard: string[] = []
  listener.on("notification", ({ channel }) => heard.push(channel))
  await listener.query("LISTEN registry_changed")
  const db = createKysely<Database>(pool)
  const unknown = { ...facts, chainId: 1 }
  await expect(applyConfiguration(db, configuration, [unknown])).rejects.toMatchObject({
    code: "CONFIG_INVALID",
  })
  // An answer to the listener's own query comes after every notification before it.
  await listener.query("SELECT 1")
  expect(heard).toEqual([])
  await applyConfiguration(db, configuration, [facts])
  await listener.query("SELECT 1")
  expect(heard).toEqual(["registry_changed"])
  await listener.end()
})

test("the indexer's login reads from the registry what to index, and nothing else", async () => {
  const indexer = await connect(database.indexerUrl)
  const sources = await buildIndexerSources(indexer, configuration, (chainId) =>
    chainId === 31_337n ? ["http://127.0.0.1:1"] : [],
  )
  expect(parseIndexerSources(sources).chains).toEqual([
    {
      chain_id: 31_337,
      rpc_urls: ["http://127.0.0.1:1"],
      start_block: 0,
      polling_interval_ms: 250,
      requests_per_second: 200,
      disable_cache: false,
      tokens: [`0x${"a".repeat(40)}`],
      treasuries: [],
      audit_anchor: `0x${"d".repeat(40)}`,
    },
  ])
  expect(await buildIndexerSources(indexer, configuration, () => [])).toBe('{"chains":[]}')
  await expect(indexer.query("SELECT FROM registry.api_keys")).rejects.toThrow(/permission denied/)
  await indexer.end()
})

test("how often a token is reconciled comes from the files, also when it is changed", async () => {
  const db = createKysely<Database>(pool)
  const intervals = async () =>
    (await db.selectFrom("registry.tokens").select("reconciliation_interval_ms").execute()).map(
      (row) => row.reconciliation_interval_ms,
    )
  await applyConfiguration(db, configuration, [facts])
  expect(await intervals()).toEqual([3_600_000n])
  const sync = structuredClone(configuration.sync)
  sync.reconciliation.balance_check_interval = 60_000
  await applyConfiguration(db, { ...configuration, sync }, [facts])
  expect(await intervals()).toEqual([60_000n])
})

test("when a checkpoint is due comes from the files, also when it is changed", async () => {
  const db = createKysely<Database>(pool)
  const apply = async (changed: typeof configuration) => {
    await applyConfiguration(db, changed, [facts])
    return readCheckpointPolicy(db)
  }
  const { sync } = configuration
  expect(await apply(configuration)).toEqual({ events: 100_000n, intervalMs: 600_000n })
  const audit = { ...sync.audit, checkpoint_events: 7, checkpoint_interval: 1_000 }
  expect(await apply({ ...configuration, sync: { ...sync, audit } })).toEqual({
    events: 7n,
    intervalMs: 1_000n,
  })
})

test("where and how often is anchored comes from the files, also when it is changed", async () => {
  const db = createKysely<Database>(pool)
  const policy = async (changed: typeof configuration) => {
    await applyConfiguration(db, changed, [facts])
    return db.selectFrom("registry.anchor_policy").select(["chain_id", "interval_ms"]).execute()
  }
  const { sync } = configuration
  expect(await policy(configuration)).toEqual([{ chain_id: null, interval_ms: 3_600_000n }])
  const audit = { ...sync.audit, anchor_interval: 5_000, anchor_chain_id: 31_337 }
  expect(await policy({ ...configuration, sync: { ...sync, audit } })).toEqual([
    { chain_id: 31_337n, interval_ms: 5_000n },
  ])
})

test("how a chain's transactions are made is what its file says, and changes with it", async () => {
  const db = createKysely<Database>(pool)
  const read = () =>
    db
      .selectFrom("registry.chains")
      .select([
        "transaction_type",
        "max_fee_per_gas",
        "replace_after_ms",
        "replace_after_max_ms",
        "private_relay_alone_ms",
      ])
      .where("chain_id", "=", 31_337n)
      .executeTakeFirst()
  await applyConfiguration(db, configuration, [facts])
  const shipped = {
    transaction_type: "auto",
    max_fee_per_gas: null,
    replace_after_ms: 60_000n,
    replace_after_max_ms: 600_000n,
    private_relay_alone_ms: null,
  }
  expect(await read()).toEqual(shipped)
  const [[name, chain] = ["", undefined]] = Object.entries(configuration.chains)
  if (chain === undefined) throw new Error("no chain is configured")
  const changed = {
    ...chain,
    transaction_type: "legacy",
    max_fee: "150.000000001",
    replace_after: 5_000,
    replace_after_max: 20_000,
    private_relay_alone: 0,
  } as const
  await applyConfiguration(db, { ...configuration, chains: { [name]: changed } }, [facts])
  expect(await read()).toEqual({
    transaction_type: "legacy",
    max_fee_per_gas: 150_000_000_001n,
    replace_after_ms: 5_000n,
    replace_after_max_ms: 20_000n,
    private_relay_alone_ms: 0n,
  })
  await applyConfiguration(db, configuration, [facts])
  expect(await read()).toEqual(shipped)
})

test("a chain may get an AuditAnchor later, and keeps the one that it has", async () => {
  const db = createKysely<Database>(pool)
  await db.updateTable("registry.chains").set({ audit_anchor: null }).execute()
  const apply = async (configured: string, deployed: string | null = null) => {
    const chains = Object.fromEntries(
      Object.entries(configuration.chains).map(([name, chain]) => [
        name,
        { ...chain, audit_anchor: configured },
      ]),
    )
    await applyConfiguration(db, { ...configuration, chains }, [{ ...facts, auditAnchor: deployed }])
    return db.selectFrom("registry.chains").select("audit_anchor").execute()
  }
  expect(await apply("none")).toEqual([{ audit_anchor: null }])
  expect(await apply("deployed")).toEqual([{ audit_anchor: null }])
  const first = `0x${"E".repeat(40)}`
  expect(await apply(first)).toEqual([{ audit_anchor: first.toLowerCase() }])
  expect(await apply("deployed", first.toLowerCase())).toEqual([{ audit_anchor: first.toLowerCase() }])
  for (const other of [`0x${"F".repeat(40)}`, "none"])
    await expect(apply(other)).rejects.toMatchObject({ code: "CONFIG_INVALID" })
})

test("a plain token gets the chain's treasury, keeps it, and is refused where there is none; so is the native coin", async () => {
  const db = createKysely<Database>(pool)
  const plain = {
    address: `0x${"9".repeat(40)}`,
    symbol: "ODD",
    name: "Odd Dollar",
    decimals: 6,
    features: ["transfer"],
    is_default: false,
    drift_threshold: "0",
  }
  const group = Object.values(configuration.tokens)[0]
  const withToken = (token: typeof plain): typeof configuration => ({
    ...configuration,
    tokens: { local: { chain_id: 31_337, tokens: [...(group?.tokens ?? []), token] } },
  })
  const apply = (treasury: string | null, token = plain) =>
    applyConfiguration(db, withToken(token), [{ ...facts, auditAnchor: `0x${"E".repeat(40)}`, treasury }])
  const stored = () =>
    db
      .selectFrom("registry.tokens")
      .select(["settlement_mode", "treasury"])
      .where("symbol", "=", "ODD")
      .execute()
  const [first, second] = [`0x${"7".repeat(40)}`, `0x${"8".repeat(40)}`]
  await expect(apply(null)).rejects.toThrow(
    "treasury of chain 31337 is none; allowed: an address, or deployed",
  )
  await apply(first)
  await apply(first)
  await expect(apply(second)).rejects.toThrow(`allowed: ${first}, which pays ODD`)
  await expect(apply(null)).rejects.toThrow(`allowed: ${first}, which pays ODD`)
  expect(await stored()).toEqual([{ settlement_mode: "treasury", treasury: first }])
  await expect(
    db.updateTable("registry.tokens").set({ treasury: second }).where("symbol", "=", "ODD").execute(),
  ).rejects.toThrow("the treasury of token")
  const coin = { ...plain, symbol: "ETH", address: `0x${"0".repeat(40)}` }
  await expect(apply(first, coin)).rejects.toThrow("ETH on chain 31337 is the chain's own coin")
  const sources = await buildIndexerSources(pool, configuration, () => ["http://127.0.0.1:1"])
  expect(parseIndexerSources(sources).chains).toMatchObject([{ treasuries: [first] }])
})

test("a token keeps the mode, the decimals and the address that it was registered with, and whoever changes them is told", async () => {
  const db = createKysely<Database>(pool)
  const [name, group] = Object.entries(configuration.tokens)[0] ?? ["", undefined]
  const [token] = group?.tokens ?? []
  if (group === undefined || token === undefined) throw new Error("no token is configured")
  const apply = (changed: Partial<ConfiguredToken>) =>
    applyConfiguration(
      db,
      { ...configuration, tokens: { [name]: { ...group, tokens: [{ ...token, ...changed }] } } },
      [{ ...facts, auditAnchor: `0x${"E".repeat(40)}`, treasury: `0x${"7".repeat(40)}` }],
    )
  await apply({})
  for (const settlement_mode of ["batch-mint-burn", "treasury"] as const)
    await expect(apply({ settlement_mode })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `tokens.yaml: CPOP on chain 31337 is to be settled by ${settlement_mode}; allowed: settle, which it was registered with (settlement_mode)`,
    })
  await expect(apply({ decimals: 6 })).rejects.toThrow("has 6 decimals; allowed: 18")
  await expect(apply({ address: `0x${"5".repeat(40)}` })).rejects.toThrow(
    `CPOP on chain 31337 has the address 0x${"5".repeat(40)}; allowed: 0x${"a".repeat(40)}, which it was registered with`,
  )
  const plain = { ...token, address: `0x${"9".repeat(40)}`, symbol: "ODD", decimals: 6 }
  await expect(apply({ ...plain, settlement_mode: "settle" })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("ODD on chain 31337 is to be settled by settle; allowed: treasury"),
  })
})

test("a token that is new waits for the next start of a running stack, and keeps nothing else from taking effect after it", async () => {
  const db = createKysely<Database>(pool)
  const [name, group] = Object.entries(configuration.tokens)[0] ?? ["", undefined]
  const [token] = group?.tokens ?? []
  if (group === undefined || token === undefined) throw new Error("no token is configured")
  const { deployedTokens: tokens, chainId, genesisHash } = facts
  const deployment = {
    walletManager: facts.walletManager as Hex,
    walletInitCodeHash: facts.walletInitCodeHash as Hex,
    auditAnchor: `0x${"E".repeat(40)}` as Hex,
    treasury: null,
    tokens: tokens as Readonly<Record<string, { readonly address: Hex; readonly startBlock: number }>>,
    deployedNow: 0,
  }
  const rewrite = (all: ConfiguredToken[]) =>
    rewriteConfiguration(
      db,
      { ...configuration, tokens: { [name]: { ...group, tokens: all } } },
      { chainId, genesisHash, deployment },
    )
  const added = { ...token, address: `0x${"6".repeat(40)}`, symbol: "NEW", is_default: false }
  await expect(rewrite([token, added])).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("new on chain 31337: NEW; start again"),
  })
  const named = () =>
    db.selectFrom("registry.tokens").select(["symbol", "name"]).orderBy("token_id").execute()
  expect(await named()).not.toContainEqual(expect.objectContaining({ symbol: "NEW" }))
  await rewrite([{ ...token, name: "Renamed" }])
  expect(await named()).toContainEqual({ symbol: "CPOP", name: "Renamed" })
})

test("the limit of every key is in the registry, and gone when it is switched off", async () => {
  const db = createKysely<Database>(pool)
  const policy = () =>
    db.selectFrom("registry.rate_limit_policy").select(["requests_per_second", "burst"]).execute()
  await applyConfiguration(db, configuration, [])
  expect(await policy()).toEqual([{ requests_per_second: 1_000, burst: 2_000 }])
  const development = loadConfiguration({
    directory: join(import.meta.dirname, "..", "..", "config"),
    overlay: "development",
  })
  await applyConfiguration(db, development, [])
  expect(await policy()).toEqual([{ requests_per_second: null, burst: null }])
  await expect(
    db.updateTable("registry.rate_limit_policy").set({ requests_per_second: 1 }).execute(),
  ).rejects.toThrow(/check constraint/)
})

test("the default of a symbol goes from one chain to another, whichever of them is first", async () => {
  const [[, local] = []] = Object.entries(configuration.chains)
  const [group] = Object.values(configuration.tokens)
  const [token] = group?.tokens ?? []
  if (local === undefined || token === undefined) throw new Error("the files have no chain or no token")
  const files = (defaultOn: number): typeof configuration => ({
    ...configuration,
    chains: { first: { ...local, chain_id: 101 }, second: { ...local, chain_id: 102 } },
    tokens: Object.fromEntries(
      [101, 102].map((chainId) => {
        const moved = { ...token, symbol: "MOVE", address: `0x${"ab".repeat(20)}` }
        return [chainId, { chain_id: chainId, tokens: [{ ...moved, is_default: defaultOn === chainId }] }]
      }),
    ),
  })
  const db = createKysely<Database>(pool)
  const both = [101, 102].map((chainId) => ({ ...facts, chainId }))
  for (const chainId of [102, 101, 102]) {
    await applyConfiguration(db, files(chainId), both)
    const rows = await db.selectFrom("registry.tokens").selectAll().where("symbol", "=", "MOVE").execute()
    const defaults = rows.filter((row) => row.is_default).map((row) => Number(row.chain_id))
    expect(defaults).toEqual([chainId])
  }
})
