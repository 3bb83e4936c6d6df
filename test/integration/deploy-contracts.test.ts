import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createPublicClient, http, zeroAddress } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { checkToken } from "../../cli/registry/check-token.ts"
import { deployContracts } from "../../cli/stack/deploy-contracts.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"

let anvil: Anvil
let directory: string
beforeAll(async () => {
  anvil = await startAnvil()
  directory = mkdtempSync(join(tmpdir(), "chainbridge-deploy-"))
})
afterAll(async () => {
  await anvil.stop()
  rmSync(directory, { recursive: true, force: true })
})

test("an account that cannot pay is named in one sentence, and the deployment goes on once it is funded", async () => {
  const deployer = privateKeyToAccount(`0x${randomBytes(32).toString("hex")}`)
  const { address } = deployer
  const operator = `0x${"0b".repeat(20)}` as const
  const deploy = () =>
    deployContracts({
      rpcUrl: anvil.rpcUrl,
      genesisHash: "0x00",
      deployer,
      operator,
      masterSigner: address,
      tokens: [{ symbol: "CPOP", name: "Points", mode: "settle" }],
      deploysAuditAnchor: true,
      deploysTreasury: true,
      file: join(directory, "deployment.json"),
      mine: async () => {
        await callJsonRpc(anvil.rpcUrl, "evm_mine", [])
      },
    })
  await expect(deploy()).rejects.toMatchObject({
    code: "DEPLOY_FAILED",
    message: `${address} has 0 coins on chain 31337: fund it, then run this again`,
  })
  await callJsonRpc(anvil.rpcUrl, "anvil_setBalance", [address, "0x1"])
  const refused = await deploy().catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: "DEPLOY_FAILED" })
  const { message } = refused as Error
  expect(message).toContain(`the contracts cannot be deployed by ${address}: `)
  expect(message.length).toBeLessThan(500)
  expect(message).not.toContain("\n")
  await callJsonRpc(anvil.rpcUrl, "anvil_setBalance", [address, "0x21e19e0c9bab2400000"])
  const client = createPublicClient({ transport: http(anvil.rpcUrl), cacheTime: 0 })
  const start = await client.getBlockNumber()
  const deployed = await deploy()
  expect(deployed).toMatchObject({ deployedNow: 4 })

  const anchor = { address: deployed.auditAnchor ?? zeroAddress, abi: auditAnchorAbi }
  const role = await client.readContract({ ...anchor, functionName: "ANCHOR_ROLE" })
  expect(await client.readContract({ ...anchor, functionName: "hasRole", args: [role, operator] })).toBe(true)
  expect(await deploy()).toEqual({ ...deployed, deployedNow: 0 })

  // A chain that lost the blocks of the deployment gets the contracts back where they were.
  const rollBack = async () =>
    callJsonRpc(anvil.rpcUrl, "anvil_rollback", [Number((await client.getBlockNumber()) - start)])
  await rollBack()
  expect(await client.getCode({ address: deployed.walletManager })).toBeUndefined()
  expect(await deploy()).toEqual({ ...deployed, tokens: expect.anything(), deployedNow: 4 })
  expect(await client.getCode({ address: anchor.address })).not.toBeUndefined()

  // Unless their places are taken: then nobody may go on as if the new ones were the old ones.
  await rollBack()
  await callJsonRpc(anvil.rpcUrl, "anvil_setNonce", [address, "0x5"])
  await expect(deploy()).rejects.toMatchObject({
    code: "CHAIN_LOST_CONTRACT",
    message: expect.stringContaining(`WalletManager at ${deployed.walletManager}`),
  })
})

test.each(["settle", "batch-mint-burn"] as const)(
  "a token that is settled by %s is the operator's to settle so",
  async (mode) => {
    const deployer = privateKeyToAccount(`0x${randomBytes(32).toString("hex")}`)
    await callJsonRpc(anvil.rpcUrl, "anvil_setBalance", [deployer.address, "0x21e19e0c9bab2400000"])
    const operator = `0x${"0c".repeat(20)}` as const
    const { tokens } = await deployContracts({
      rpcUrl: anvil.rpcUrl,
      genesisHash: "0x00",
      deployer,
      operator,
      masterSigner: deployer.address,
      tokens: [{ symbol: "X", name: "X", mode }],
      deploysAuditAnchor: false,
      deploysTreasury: false,
      file: join(directory, `${mode}.json`),
      mine: async () => {
        await callJsonRpc(anvil.rpcUrl, "evm_mine", [])
      },
    })
    const client = createChainClient({ chainId: 31_337n, urls: [anvil.rpcUrl] })
    const address = tokens["X"]?.address ?? zeroAddress
    const token = { symbol: "X", chainId: 31_337, address, decimals: 18, mode, treasury: null }
    expect(await checkToken(client, token, operator)).toBeNull()
  },
)

test("a directory that was used with another chain in between finds the contracts of the first one again", async () => {
  const deployer = privateKeyToAccount(`0x${randomBytes(32).toString("hex")}`)
  await callJsonRpc(anvil.rpcUrl, "anvil_setBalance", [deployer.address, "0x21e19e0c9bab2400000"])
  const deploy = (genesisHash: string) =>
    deployContracts({
      ...{ rpcUrl: anvil.rpcUrl, genesisHash, deployer },
      ...{ operator: deployer.address, masterSigner: deployer.address },
      tokens: [{ symbol: "CPOP", name: "Points", mode: "settle" }],
      ...{ deploysAuditAnchor: true, deploysTreasury: false },
      file: join(directory, "two-chains.json"),
      mine: async () => {
        await callJsonRpc(anvil.rpcUrl, "evm_mine", [])
      },
    })
  const first = await deploy("0x01")
  const second = await deploy("0x02")
  expect(second).toMatchObject({ deployedNow: 3 })
  for (const [genesisHash, deployed] of [
    ["0x01", first],
    ["0x02", second],
    ["0x01", first],
  ] as const)
    expect(await deploy(genesisHash)).toEqual({ ...deployed, deployedNow: 0 })
})
