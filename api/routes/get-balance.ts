import { z } from "@hono/zod-openapi"
import type { Address } from "viem"
import { walletAddress } from "../../ledger/domain/wallet-address.ts"
import { describeError } from "../../platform/errors.ts"
import { within } from "../chain/within.ts"
import { readPastBalances } from "../ledger/read-past-balances.ts"
import { matchTokens } from "../ledger/resolve-token.ts"
import { wantsAnew } from "../middleware/wants-anew.ts"
import { balanceSchema, type ChainBalance, presentBalance } from "../presenters/balance.ts"
import { presentReadBatchInfo } from "../presenters/lane-outlook.ts"
import { type Refusal, refuse, refuseAll } from "../refusal.ts"
import type { Caller } from "../registry/api-keys.ts"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import { defineRoute } from "../route.ts"
import type { Services } from "../services.ts"
import { onlyLane } from "../settlement/only-lane.ts"
import {
  chainIdParameter,
  momentParameter,
  timeAnswer,
  tokenSymbolSchema,
  userIdSchema,
} from "../validation/schemas.ts"

/** A chain that is slower than this is not "realtime". */
const realtimeTimeoutMs = 4_000

export const getBalance = defineRoute({
  method: "get",
  path: "/balance/{user_id}",
  tag: "Ledger",
  summary: "A user's balances, one entry a token",
  permission: "ledger.read",
  params: z.object({ user_id: userIdSchema }),
  query: z.strictObject({
    token_symbol: tokenSymbolSchema.optional(),
    chain_id: chainIdParameter.optional(),
    realtime: z
      .enum(["true", "false"])
      .optional()
      .openapi({ description: "true: also asks the chain, and reports its figure beside the ledger's" }),
    at: momentParameter.optional().openapi({
      description: "The balances as they were: the position of an event, or an ISO 8601 time",
    }),
  }),
  answer: z.object({
    user_id: z.string(),
    at: z.object({ position: z.string(), time: timeAnswer.nullable() }).optional().openapi({
      description:
        "Only with `at`: the last event that counts, and when it was recorded; null before the first",
    }),
    balances: z.array(balanceSchema),
  }),
  refusals: ["UNKNOWN_USER", "UNKNOWN_TOKEN", "CHAIN_UNAVAILABLE"],
  async handle(services, { params, query, caller, context }) {
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, query.token_symbol, query.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    if (query.at !== undefined) {
      if (query.realtime === "true")
        return refuse(
          "INVALID_PARAMETER",
          "realtime",
          "the chain is only asked for now; leave out realtime, or at",
        )
      const shown = query.token_symbol === undefined ? "held" : "all"
      return readPastBalances(services, caller.ledgerId, params.user_id, query.at, tokens, shown)
    }
    const [{ accounts, source }] = await Promise.all([
      services.balances.read(caller.ledgerId, params.user_id, wantsAnew(context)),
      services.lanes.whenCurrent(),
      services.chains.whenCurrent(),
    ])
    if (accounts.length === 0) return refuse("UNKNOWN_USER", "user_id", unknownUser(params.user_id))
    const byToken = new Map(accounts.map((account) => [account.token_id, account]))
    // Without a filter only what the user has ever had; a token that was asked for is answered with zero.
    const shown = tokens.filter((token) => query.token_symbol !== undefined || byToken.has(token.tokenId))
    const chainBalances =
      query.realtime === "true" ? await readChainBalances(services, caller, params.user_id, shown) : undefined
    if (chainBalances !== undefined && "refused" in chainBalances) return chainBalances
    const now = new Date()
    const balances = shown.map((token) =>
      presentBalance({
        token,
        account: byToken.get(token.tokenId),
        lane: services.lanes.figuresOf(caller.ledgerId, token.tokenId),
        progress: services.chains.progressOf(token.chain.chainId),
        chainBalance: chainBalances?.get(token.tokenId),
        source,
        now,
      }),
    )
    return {
      data: { user_id: params.user_id, balances },
      batchInfo: presentReadBatchInfo(onlyLane(services, caller.ledgerId, shown)),
      ages: ["sync_lag", "head_lag", "source"],
    }
  },
})

async function readChainBalances(
  services: Services,
  caller: Caller,
  userId: string,
  tokens: readonly RegisteredToken[],
): Promise<ReadonlyMap<number, ChainBalance> | Refusal> {
  const { rpc } = services
  const balances = new Map<number, ChainBalance>()
  const unavailable = (token: RegisteredToken): Refusal =>
    refuse(
      "CHAIN_UNAVAILABLE",
      "realtime",
      `chain ${token.chain.chainId} did not answer; ask again later, or without realtime`,
      { "retry-after": "5" },
    )
  for (const token of tokens) {
    if (rpc === undefined) return unavailable(token)
    const { walletManager, walletInitCodeHash, chainId } = token.chain
    const { ledgerId, identifierSalt } = caller
    const account: Address = walletAddress({
      walletManager,
      walletInitCodeHash,
      ledgerId,
      identifierSalt,
      userId,
    })
    try {
      const asked = rpc.balanceOf(chainId, token.address, account)
      balances.set(token.tokenId, await within(asked, realtimeTimeoutMs))
    } catch (error) {
      services.logger.warn({ chain_id: String(chainId), reason: describeError(error) }, "no realtime balance")
      return unavailable(token)
    }
  }
  return balances
}

/** These are addresses of their own, for those who write. */
function unknownUser(userId: string): string {
  const isWrite = userId === "adjust" || userId === "holds"
  return `a user is known from the first adjustment on${isWrite ? `; POST /balance/${userId} is another route` : ""}`
}
