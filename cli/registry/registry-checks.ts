import type { Kysely } from "kysely"
import type { Address, Hex } from "viem"
import { walletManagerAbi } from "../../abis/wallet-manager.ts"
import type { RegistryChecks } from "../../api/context.ts"
import type { Database } from "../../ledger/store/database.ts"
import { readSigners } from "../../ledger/store/read-signers.ts"
import { ChainBridgeError, causesOf, describeError } from "../../platform/errors.ts"
import { type ChainClient, createChainClient } from "../../platform/rpc/chain-client.ts"
import { rpcUrlsFromEnvironment } from "../../platform/rpc/rpc-urls.ts"
import { callRpc } from "../stack/json-rpc.ts"
import { checkToken } from "./check-token.ts"

const limits = { timeoutMs: 5_000, roundsMax: 1 }

/** What `config apply` holds against a chain, for those who register over the API. */
export function createRegistryChecks(
  db: Kysely<Database>,
  environment: Readonly<Record<string, string | undefined>>,
): RegistryChecks {
  const open = (chainId: bigint): ChainClient => {
    const urls = rpcUrlsFromEnvironment(chainId, environment)
    if (urls.length === 0) throw unavailable(`CHAINBRIDGE_RPC_URLS_${chainId} is not set for the API`)
    return createChainClient({ chainId, urls, limits })
  }
  return {
    async checkToken({ chainId, ...token }) {
      const client = open(chainId)
      const [signer] = (await readSigners(db)).filter(
        (known) => known.chainId === chainId && known.retiredAt === null,
      )
      const subject = { ...token, chainId: Number(chainId) }
      const [problem, headBlock] = await answering(() =>
        Promise.all([
          checkToken(client, subject, (signer?.address as Hex | undefined) ?? null),
          client.headNumber(),
        ]),
      )
      const unchecked = `the signer's roles are not checked: no batcher has worked on chain ${chainId} yet`
      return { problem, headBlock, warnings: signer === undefined ? [unchecked] : [] }
    },
    async inspectChain(chainId, walletManager) {
      const urls = rpcUrlsFromEnvironment(chainId, environment)
      if (urls.length === 0)
        return {
          field: "chain_id",
          problem: `no endpoint of chain ${chainId} is known: set CHAINBRIDGE_RPC_URLS_${chainId} for every process, and start them again`,
        }
      return answering(() => inspect(urls, chainId, walletManager))
    },
  }
}

async function inspect(
  urls: readonly string[],
  chainId: bigint,
  walletManager: Address,
): ReturnType<RegistryChecks["inspectChain"]> {
  const said = await Promise.all(
    urls.map((url, index) =>
      callRpc<string>(url, "eth_chainId").catch((error: unknown) => {
        throw unavailable(`entry ${index + 1} of CHAINBRIDGE_RPC_URLS_${chainId} does not answer`, error)
      }),
    ),
  )
  const other = said.findIndex((id) => BigInt(id) !== chainId)
  if (other !== -1)
    return {
      field: "chain_id",
      problem: `entry ${other + 1} of CHAINBRIDGE_RPC_URLS_${chainId} is an endpoint of chain ${BigInt(said[other] ?? 0)}; correct one of them`,
    }
  const client = createChainClient({ chainId, urls, limits })
  const factory = { address: walletManager, abi: walletManagerAbi } as const
  if ((await client.reads.getCode({ address: walletManager })) === undefined)
    return { field: "wallet_manager", problem: `there is no contract at ${walletManager}; correct it` }
  const genesis = await client.canonicalBlock(0n)
  if (genesis === null) return { field: "chain_id", problem: "no endpoint knows the chain's first block" }
  try {
    const walletInitCodeHash = await client.reads.readContract({
      ...factory,
      functionName: "walletInitCodeHash",
    })
    return { genesisHash: genesis.hash, walletInitCodeHash }
  } catch (error) {
    if (isUnavailable(error)) throw error
    return {
      field: "wallet_manager",
      problem: `the contract at ${walletManager} is no WalletManager of ours; correct it`,
    }
  }
}

async function answering<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ChainBridgeError && error.code === "CHAIN_UNAVAILABLE") throw error
    if (isUnavailable(error)) throw unavailable("the chain does not answer; send the same again", error)
    throw error
  }
}

function isUnavailable(error: unknown): boolean {
  return causesOf(error).some(
    (cause) => cause instanceof ChainBridgeError && (cause.retryable || cause.code === "RPC_UNREACHABLE"),
  )
}

/** The cause goes to the log; it may name an endpoint. */
function unavailable(message: string, cause?: unknown): ChainBridgeError {
  return new ChainBridgeError("CHAIN_UNAVAILABLE", message, {
    retryable: true,
    ...(cause === undefined ? {} : { cause: describeError(cause) }),
  })
}
