import type { Kysely } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError, causesOf, describeError } from "../../platform/errors.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"
import { checkToken, type TokenToCheck } from "./check-token.ts"
import { chooseMode } from "./choose-mode.ts"
import { chooseTreasury } from "./choose-treasury.ts"

const limits = { timeoutMs: 5_000, roundsMax: 1 }

/** The tokens of a chain that have an address, as the files and what was deployed there say. @throws ChainBridgeError CONFIG_INVALID */
export function tokensOf(
  configuration: Configuration,
  chainId: number,
  deployed: {
    readonly tokens: Readonly<Record<string, { readonly address: string }>>
    readonly treasury: string | null
  },
): TokenToCheck[] {
  const treasury = chooseTreasury(configuration, chainId, deployed.treasury)
  return Object.values(configuration.tokens)
    .filter((group) => group.chain_id === chainId)
    .flatMap((group) => group.tokens)
    .flatMap((token) => {
      const mode = chooseMode(chainId, token)
      const address = token.address === "deployed" ? deployed.tokens[token.symbol]?.address : token.address
      if (address === undefined) return []
      const { symbol, decimals } = token
      return [{ symbol, decimals, chainId, mode, treasury, address: address.toLowerCase() as Hex }]
    })
}

/**
 * Holds the tokens of a chain against it. What is wrong with one that the registry does not have yet is a refusal. One that it has is in use, and is only warned of: its lane stops by itself where it has to.
 * A chain that does not answer refuses nobody: its tokens are taken as the files have them, and whatever is wrong with them shows when the first batch is simulated.
 * @param chain.signer null: not known here
 * @throws ChainBridgeError CONFIG_INVALID with every refusal
 */
export async function checkTokens(
  db: Kysely<Database> | null,
  chain: { readonly chainId: number; readonly rpcUrls: readonly string[]; readonly signer: Hex | null },
  tokens: readonly TokenToCheck[],
  warn: (message: string) => void,
): Promise<void> {
  const { chainId, rpcUrls } = chain
  if (tokens.length === 0) return
  const client = createChainClient({ chainId: BigInt(chainId), urls: rpcUrls, limits })
  const known = await readKnown(db, chainId)
  const refused: string[] = []
  try {
    for (const token of tokens) {
      const found = await checkToken(client, token, chain.signer)
      if (found === null) continue
      const problem = `tokens.yaml: ${found}`
      if (known.has(token.address)) warn(problem)
      else refused.push(problem)
    }
  } catch (error) {
    const isTrouble = causesOf(error).some((cause) => cause instanceof ChainBridgeError && cause.retryable)
    if (!isTrouble) throw error
    warn(`the tokens of chain ${chainId} are not checked: ${describeError(error).slice(0, 300)}`)
  }
  if (refused.length > 0) throw new ChainBridgeError("CONFIG_INVALID", refused.join("\n"))
}

async function readKnown(db: Kysely<Database> | null, chainId: number): Promise<ReadonlySet<string>> {
  if (db === null) return new Set()
  const rows = await db
    .selectFrom("registry.tokens")
    .select("token_address")
    .where("chain_id", "=", BigInt(chainId))
    .execute()
  return new Set(rows.map((row) => row.token_address))
}
