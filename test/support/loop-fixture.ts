import { sql } from "kysely"
import { type Address, encodeFunctionData, type Hex, keccak256, toHex } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import type { ChainView } from "../../ledger/confirmations/chain-view.ts"
import { followChain } from "../../ledger/confirmations/follow-chain.ts"
import type { FollowedChain, FollowResult } from "../../ledger/confirmations/followed-chain.ts"
import { indexerProgress } from "../../ledger/confirmations/indexer-progress.ts"
import { createRpcChainView } from "../../ledger/confirmations/rpc-chain-view.ts"
import { walletAddress } from "../../ledger/domain/wallet-address.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"
import { type Ponder, startPonder } from "./ponder.ts"
import { createSettlementFixture } from "./settlement-fixture.ts"
import { waitUntil } from "./wait-until.ts"

export type LoopFixture = Awaited<ReturnType<typeof createLoopFixture>>

const confirmationBlocks = 2

/**
 * The indexer asks again for a block that a reorganisation has taken from under it, after pauses that double up to 32 s: a minute in all. A test waits that out, because what it is about is what
 * comes then.
 */
const indexerPatienceMs = 90_000

/**
 * The settlement fixture with a real indexer and the confirming side, which takes its steps when the test says so.
 * @param options.rpcUrl of a proxy in front of the chain, for the indexer and for confirmations
 */
export async function createLoopFixture(
  options: {
    readonly settlement?: Parameters<typeof createSettlementFixture>[0]
    readonly rpcUrl?: (anvilUrl: string) => Promise<string>
  } = {},
) {
  const settlement = await createSettlementFixture(options.settlement)
  const { db, anvil, database, token, chain, rpc, ledgerId, tokenId } = settlement
  const chainId = Number(settlement.chainId)
  const rpcUrl = (await options.rpcUrl?.(anvil.rpcUrl)) ?? anvil.rpcUrl
  const ponderOptions = {
    databaseUrl: database.indexerUrl,
    schema: "indexer_test",
    chainId,
    rpcUrl,
    tokens: [token.address],
    treasuries: token.treasury === undefined ? [] : [token.treasury],
    auditAnchor: settlement.auditAnchor,
  }
  let ponder: Ponder | undefined = await startPonder(ponderOptions)
  const view = createRpcChainView(createChainClient({ chainId: settlement.chainId, urls: [rpcUrl] }))
  const followed: FollowedChain = {
    chainId,
    confirmationBlocks,
    finality: "depth",
    startBlock: 0n,
    genesisHash: (await chain.getBlock({ blockNumber: 0n })).hash,
    tokens: [{ tokenId, tokenAddress: token.address, treasury: token.treasury ?? null }],
    auditAnchor: settlement.auditAnchor,
  }

  async function takenIn(): Promise<boolean> {
    const { rows } = await sql`
      SELECT 1 FROM settlement.intake i JOIN ledger.head h USING (ledger_id)
      WHERE h.ledger_id = ${ledgerId} AND i.position = h.position`.execute(db)
    return rows.length === 1
  }

  const fixture = {
    ...settlement,
    view,
    followed,

    /** One step of the confirming side. */
    step: (overrides: Partial<FollowedChain> = {}, through: ChainView = view): Promise<FollowResult> =>
      followChain(db, through, { ...followed, ...overrides }, new Date()),

    /** Steps until every block that is deep enough is confirmed and nobody is late. @returns what the steps did, the idle ones left out */
    follow: async (): Promise<FollowResult[]> => {
      const results: FollowResult[] = []
      await waitUntil(
        async () => {
          const result = await fixture.step()
          if (result.outcome === "confirmed" || result.outcome === "revoked") results.push(result)
          return result.outcome === "idle"
        },
        { what: "confirmations are idle", describe: () => fixture.step(), timeoutMs: indexerPatienceMs },
      )
      return results
    },

    mine: (blocks = 1) => rpc("anvil_mine", `0x${blocks.toString(16)}`),

    /** Mines until what the chain holds now is deep enough, and confirms it. */
    confirmAll: async (): Promise<FollowResult[]> => {
      await fixture.mine(confirmationBlocks)
      return fixture.follow()
    },

    /** Waits until the indexer has finished the block that is the newest one then, by its hash. */
    indexed: (): Promise<bigint> =>
      waitUntil(
        async () => {
          const [block, progress] = [await chain.getBlock(), await indexerProgress(db, chainId)]
          const isThere = progress !== null && "blockHash" in progress && progress.blockHash === block.hash
          return isThere && block.number
        },
        {
          what: "the indexer has finished the newest block",
          timeoutMs: indexerPatienceMs,
          describe: async () => [await indexerProgress(db, chainId), ponder?.logTail()],
        },
      ),

    killPonder: async (): Promise<void> => {
      await ponder?.kill()
      ponder = undefined
    },
    startPonder: async (): Promise<void> => {
      ponder = await startPonder(ponderOptions)
    },

    /** The address that a user of the ledger has, known or not. */
    addressOf: async (userId: string, inLedger = ledgerId): Promise<Address> => {
      const { identifier_salt: salt } = await db
        .selectFrom("registry.ledgers")
        .select("identifier_salt")
        .where("ledger_id", "=", inLedger)
        .executeTakeFirstOrThrow()
      const { wallet_manager: manager, wallet_init_code_hash: initCodeHash } = await db
        .selectFrom("registry.chains")
        .select(["wallet_manager", "wallet_init_code_hash"])
        .executeTakeFirstOrThrow()
      return walletAddress({
        walletManager: manager as Address,
        walletInitCodeHash: initCodeHash as Hex,
        ledgerId: inLedger,
        identifierSalt: toHex(salt),
        userId,
      })
    },

    /** Tokens out of nowhere, as a stranger with the minter's role could make them. */
    mint: async (to: Address, amount: bigint): Promise<void> => {
      await token.sendAsAdmin(
        encodeFunctionData({
          abi: cpopTokenAbi,
          functionName: "grantRole",
          args: [keccak256(toHex("MINTER_ROLE")), token.admin],
        }),
      )
      await token.sendAsAdmin(
        encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [to, amount] }),
      )
    },

    /** A transfer that the wallet itself sends, outside of the ledger. */
    transferFrom: async (from: Address, to: Address, amount: bigint): Promise<void> => {
      await rpc("anvil_setBalance", from, "0xde0b6b3a7640000")
      await rpc("anvil_impersonateAccount", from)
      const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "transfer", args: [to, amount] })
      const hash = await rpc("eth_sendTransaction", { from, to: token.address, data, gas: "0x30d40" })
      const receipt = await chain.waitForTransactionReceipt({ hash: hash as Hex, pollingInterval: 20 })
      if (receipt.status !== "success") throw new Error("the transfer reverted")
    },

    balance: async (userId: string): Promise<{ pending: bigint; confirmed: bigint }> =>
      db
        .selectFrom("ledger.balances as b")
        .innerJoin("ledger.accounts as a", (join) =>
          join.onRef("a.ledger_id", "=", "b.ledger_id").onRef("a.account_id", "=", "b.account_id"),
        )
        .select(["b.pending", "b.confirmed"])
        .where("a.user_id", "=", userId)
        .where("a.ledger_id", "=", ledgerId)
        .executeTakeFirstOrThrow(),

    /** Events from the chain, in their order. */
    findings: async () => {
      const { rows } = await sql<{ type: string; amount: bigint | null; data: Record<string, unknown> }>`
        SELECT type, amount, data FROM ledger.events
        WHERE ledger_id = ${ledgerId} AND type NOT IN ('AccountOpened', 'AdjustmentRecorded', 'SettlementSealed', 'SettlementNetted')
        ORDER BY position`.execute(db)
      return rows
    },

    /** Records these changes and has a batcher settle them in one batch. */
    settle: async (changes: readonly (readonly [userId: string, amount: bigint])[]): Promise<void> => {
      const before = (await fixture.batches()).length
      await fixture.adjust(changes)
      // A flush that finds a part of them taken in would make two batches of them.
      await waitUntil(takenIn, { what: "the changes are taken in", timeoutMs: 60_000 })
      await fixture.flush()
      await waitUntil(
        async () => {
          const batches = await fixture.batches()
          return (
            batches.length > before &&
            batches.every(({ state }) => state === "mined" || state === "confirmed")
          )
        },
        { what: "the batch is mined", describe: fixture.batches, timeoutMs: 60_000 },
      )
    },

    /** Alarms in the order in which they were raised, also those that are cleared. */
    alarmsEver: async () => {
      const alarms = await db.selectFrom("registry.alarms").selectAll().orderBy("raised_at").execute()
      return alarms.map(({ kind, cleared_at }) => ({ kind, isOpen: cleared_at === null }))
    },

    verify: () => verifyLedger(db, ledgerId),

    close: async (): Promise<void> => {
      await ponder?.stop()
      await settlement.close()
    },
  }
  return fixture
}
