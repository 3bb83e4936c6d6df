import type { Kysely } from "kysely"
import type { Address, Hex } from "viem"
import { ChainBridgeError } from "../../platform/errors.ts"
import { walletAddress } from "../domain/wallet-address.ts"
import type { Database } from "../store/database.ts"
import { readIdentifierSalt } from "../store/read-identifier-salt.ts"

export type TokenOnChain = {
  readonly chainId: bigint
  readonly tokenAddress: Address
  readonly walletManager: Address
  readonly walletInitCodeHash: Hex
}

/** What the writer needs to open an account: the token's chain and the address that the user has there. */
export type TokenDirectory = {
  /** Reads what is not known yet of these tokens, for who must not wait for a connection later. One that is not registered is told when it is asked for. */
  prepare(tokenIds: ReadonlySet<number>): Promise<void>
  token(tokenId: number): Promise<TokenOnChain>
  addressOf(tokenId: number, userId: string): Promise<Address>
}

/** Reads the registry once per token. A token's chain and address never change, so nothing has to be invalidated. */
export function createTokenDirectory(db: Kysely<Database>, ledgerId: string): TokenDirectory {
  const tokens = new Map<number, TokenOnChain>()
  let identifierSalt: Hex | undefined

  async function load(tokenIds: readonly number[]): Promise<void> {
    const rows = await db
      .selectFrom("registry.tokens as t")
      .innerJoin("registry.chains as c", "c.chain_id", "t.chain_id")
      .select(["t.token_id", "t.chain_id", "t.token_address", "c.wallet_manager", "c.wallet_init_code_hash"])
      .where("t.token_id", "in", tokenIds)
      .execute()
    for (const row of rows)
      tokens.set(row.token_id, {
        chainId: row.chain_id,
        tokenAddress: row.token_address as Address,
        walletManager: row.wallet_manager as Address,
        walletInitCodeHash: row.wallet_init_code_hash as Hex,
      })
  }

  async function salt(): Promise<Hex> {
    identifierSalt ??= `0x${(await readIdentifierSalt(db, ledgerId)).toString("hex")}`
    return identifierSalt
  }

  async function prepare(tokenIds: ReadonlySet<number>): Promise<void> {
    const unknown = [...tokenIds].filter((tokenId) => !tokens.has(tokenId))
    if (unknown.length > 0) await load(unknown)
    if (tokenIds.size > 0) await salt()
  }

  async function token(tokenId: number): Promise<TokenOnChain> {
    if (!tokens.has(tokenId)) await load([tokenId])
    const found = tokens.get(tokenId)
    if (found === undefined)
      throw new ChainBridgeError("UNKNOWN_TOKEN", `there is no token ${tokenId} in the registry`)
    return found
  }

  async function addressOf(tokenId: number, userId: string): Promise<Address> {
    const { walletManager, walletInitCodeHash } = await token(tokenId)
    return walletAddress({
      walletManager,
      walletInitCodeHash,
      ledgerId,
      identifierSalt: await salt(),
      userId,
    })
  }

  return { prepare, token, addressOf }
}
