import { type Address, encodeFunctionData, keccak256, toHex } from "viem"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { buildIndexerSources } from "../../../cli/registry/indexer-sources.ts"
import { parseIndexerSources } from "../../../indexer/sources.ts"
import { createRpcChainView } from "../../../ledger/confirmations/rpc-chain-view.ts"
import { runConfirmations } from "../../../ledger/confirmations/run-confirmations.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createPool } from "../../../platform/postgres.ts"
import { createChainClient } from "../../../platform/rpc/chain-client.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { type DeployedToken, deployToken } from "../../support/deploy-token.ts"
import { type Ponder, startPonder } from "../../support/ponder.ts"
import { type RegistryApi, startRegistryApi } from "../../support/registry-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const chainId = 7
const holder: Address = `0x${"5a".repeat(20)}`

let registry: RegistryApi
let rpcUrl: string
let confirmations: ReturnType<typeof runConfirmations> | undefined
let ponder: Ponder | undefined
beforeAll(async () => {
  registry = await startRegistryApi()
  rpcUrl = registry.chains.anvils[1]?.rpcUrl ?? ""
})
afterAll(async () => {
  await confirmations?.stop()
  await ponder?.stop()
  await registry.close()
})

const mine = (blocks: number) => callJsonRpc(rpcUrl, "anvil_mine", [`0x${blocks.toString(16)}`])
const headBlock = async () => Number(await callJsonRpc(rpcUrl, "eth_blockNumber", []))

async function deployAndMint(): Promise<DeployedToken> {
  const token = await deployToken(rpcUrl)
  const role = keccak256(toHex("MINTER_ROLE"))
  await token.sendAsAdmin(
    encodeFunctionData({ abi: cpopTokenAbi, functionName: "grantRole", args: [role, token.admin] }),
  )
  await token.sendAsAdmin(encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [holder, 5n] }))
  return token
}

async function register(path: string, body: object): Promise<void> {
  const { status, body: answer } = await registry.call("POST", path, { ...body, reason: "a new chain" })
  expect([status, answer.errors]).toEqual([200, undefined])
}

const registerToken = (symbol: string, token: DeployedToken) =>
  register("tokens", {
    ...{ chain_id: chainId, token_address: token.address, symbol, decimals: 18 },
    strategy_of: "31337:CPOP",
    document: { name: symbol, features: ["settle"] },
  })

/** The indexer as it is told what to index when it is started now. */
async function index(schema: string): Promise<number> {
  const pool = createPool({
    databaseUrl: registry.api.database.appUrl,
    applicationName: "test",
    connectionsMax: 1,
  })
  const sources = await buildIndexerSources(pool, { chains: {} }, (of) =>
    of === BigInt(chainId) ? [rpcUrl] : [],
  )
  await pool.end()
  const [source] = parseIndexerSources(sources).chains
  if (source === undefined) throw new Error("there is nothing to index")
  await ponder?.stop()
  const { tokens, start_block: startBlock } = source
  ponder = await startPonder({
    ...{ databaseUrl: registry.api.database.indexerUrl, schema, chainId, rpcUrl, tokens, startBlock },
  })
  return startBlock
}

async function expectConfirmedThrough(block: number): Promise<void> {
  await waitUntil(async () => Number(confirmations?.status().confirmed_block ?? -1) >= block, {
    what: `block ${block} is confirmed`,
    timeoutMs: 40_000,
    describe: async () => confirmations?.status(),
  })
}

test("a chain and its first token that are registered at run time are confirmed, whatever the token has logged before", async () => {
  const token = await deployAndMint()
  const mintedIn = await headBlock()
  await register("chains", {
    ...{ chain_id: chainId, wallet_manager: registry.chains.walletManager },
    document: { name: "seventh", confirmation_blocks: 1, finality: "depth", block_time_ms: 400 },
  })
  const view = createRpcChainView(createChainClient({ chainId: BigInt(chainId), urls: [rpcUrl] }))
  confirmations = runConfirmations({
    ...{ db: registry.api.db, logger: createLogger("test", "silent"), chainId, view },
  })
  await waitUntil(async () => confirmations?.status().waiting_for !== null, {
    what: "the chain is followed before it has a token",
  })
  await mine(2)
  await registerToken("SEVEN", token)
  expect(await index("indexer_first")).toBe(0)
  await mine(2)
  await expectConfirmedThrough(mintedIn + 1)
})

test("a second token changes nothing about where the chain begins, and what it logged before is not asked for", async () => {
  const token = await deployAndMint()
  await mine(3)
  const before = await headBlock()
  await expectConfirmedThrough(before - 1)
  await registerToken("EIGHT", token)
  const { document } = await registry.read("tokens/7:EIGHT")
  expect(document).toMatchObject({ start_block: before })
  expect(await index("indexer_second")).toBe(0)
  await token.sendAsAdmin(encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [holder, 7n] }))
  const mintedIn = await headBlock()
  await mine(2)
  await expectConfirmedThrough(mintedIn)
})
