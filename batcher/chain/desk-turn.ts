import type { Hex } from "viem"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { Batcher } from "../batcher-context.ts"
import { type BatchStrategy, parseBatchStrategy } from "../domain/batch-strategy.ts"
import type { FeeHistory, Market } from "../domain/fees.ts"
import { retryDelayMs } from "../domain/retry-delay.ts"
import type { Desk } from "../store/call-moves.ts"
import type { OpenCall } from "../store/open-call.ts"
import type { SignerStanding } from "../store/signer-standing.ts"
import type { TransactionPolicy } from "../store/transaction-policy.ts"
import type { FeeWatch } from "./fee-watch.ts"
import { describeDoubt } from "./find-consumer.ts"
import type { Purse } from "./purse.ts"
import { readFeeHistory } from "./read-fee-history.ts"
import { readMarket } from "./read-market.ts"
import type { Signer } from "./signer.ts"
import type { RoleWatch } from "./signer-role.ts"

/** What every step of one turn of a signer's desk works with. */
export type DeskTurn = {
  readonly batcher: Batcher
  readonly desk: Desk
  readonly client: ChainClient
  readonly signer: Signer
  readonly policy: TransactionPolicy
  /** The number of the chain's newest block when the turn began. */
  readonly head: bigint
  /** The most gas that a transaction may ask for here. */
  readonly gasMax: bigint
  /** Whether this is the first turn since the lease was taken: whatever was sent before may never have arrived. */
  readonly isRecovery: boolean
  readonly reads: TurnReads
  readonly standing: SignerStanding
  readonly purse: Purse
  readonly roles: RoleWatch
  readonly feeWatch: FeeWatch
  /** For steps that may take longer than the lease. Whether it still counts is decided by the commit that checks it. */
  readonly renewLease: () => Promise<void>
}

/** What is used where a token's own strategy cannot be read, or no token is concerned: what is under way still has to end. */
export const fallbackStrategy: Pick<
  BatchStrategy,
  "retriesMax" | "retryIntervalMs" | "feeBufferPercent" | "pendingAlarmMs" | "errorRate"
> = {
  retriesMax: 5,
  retryIntervalMs: 60_000,
  feeBufferPercent: 15,
  pendingAlarmMs: 600_000,
  errorRate: { windowMs: 600_000, thresholdPercent: 50, failuresMin: 5 },
}

export function strategyOf(call: OpenCall): typeof fallbackStrategy {
  if (call.kind === "anchor") return fallbackStrategy
  const parsed = parseBatchStrategy(call.strategy, call.decimals)
  return "refused" in parsed ? fallbackStrategy : parsed.strategy
}

/** When the call's next failure may be followed by another try. */
export function retryAtAfterFailure({ batcher }: DeskTurn, call: OpenCall): Date {
  const delayMs = retryDelayMs(strategyOf(call).retryIntervalMs, call.failures + 1)
  return new Date(batcher.now().getTime() + delayMs)
}

/** The highest block that is past the confirmation depth. */
export function finalBlock({ head, policy }: Pick<DeskTurn, "head" | "policy">): bigint {
  return head > policy.confirmationBlocks ? head - policy.confirmationBlocks : 0n
}

/** How deep, in confirmation depths, a block has to be before it is believed that a transaction will never be mined: as for a debit that was skipped, a mistake costs money and waiting costs little. */
const finalityDepthFactor = 8n

function finalityDepthBlock(head: bigint, confirmationBlocks: bigint): bigint {
  const depth = (confirmationBlocks > 0n ? confirmationBlocks : 1n) * finalityDepthFactor
  return head > depth ? head - depth : 0n
}

/** Figures of the chain that one turn asks for at most once. @throws ChainBridgeError RPC_UNAVAILABLE */
export type TurnReads = {
  /** How many transactions of an account the newest block has. */
  latestCount(address: Hex): Promise<bigint>
  /** The highest block that no reorganisation is expected to take: for what cannot be made good afterwards. */
  finalizedBlock(): Promise<bigint>
  /** How many of them are past the confirmation depth, as far as more than half of the endpoints say the same; null where they do not. */
  finalCount(address: Hex): Promise<bigint | null>
  /** Whether the newest block has a contract at this address. */
  hasCode(address: Hex): Promise<boolean>
  feeHistory(): Promise<FeeHistory>
  market(): Promise<Market>
}

export function createTurnReads(
  client: ChainClient,
  options: {
    readonly lastFinalBlock: bigint
    readonly confirmationBlocks: bigint
    readonly transactionType: TransactionPolicy["transactionType"]
    /** Whether the newest block has one. */
    readonly hasBaseFee: boolean
  },
): TurnReads {
  const latest = new Map<Hex, Promise<bigint>>()
  const final = new Map<Hex, Promise<bigint | null>>()
  const code = new Map<Hex, Promise<boolean>>()
  let finalized: Promise<bigint> | undefined
  let history: Promise<FeeHistory> | undefined
  let market: Promise<Market> | undefined
  const feeHistory = () => {
    history ??= readFeeHistory(client)
    return history
  }
  return {
    latestCount: (address) =>
      remember(latest, address, () => client.reads.getTransactionCount({ address }).then(BigInt)),
    finalizedBlock() {
      // The head that the turn began with is one endpoint's word; counted from one that is too high, a block that is young would be final.
      finalized ??= Promise.all([client.finalizedNumber(), client.headNumber()]).then(([number, head]) => {
        const deep = finalityDepthBlock(head, options.confirmationBlocks)
        // The chain's own word, where it has one, may only be for a lower block.
        return number === null || number > deep ? deep : number
      })
      return finalized
    },
    finalCount: (address) =>
      remember(final, address, () => readAgreedCount(client, address, options.lastFinalBlock)),
    hasCode: (address) =>
      remember(code, address, async () => (await client.reads.getCode({ address })) !== undefined),
    feeHistory,
    market() {
      const { transactionType, hasBaseFee } = options
      market ??= readMarket(client, transactionType, { hasBaseFee, feeHistory })
      return market
    },
  }
}

/** @returns null where not more than half of the endpoints have the block and say the same */
export async function readAgreedCount(
  client: ChainClient,
  address: Hex,
  blockNumber: bigint,
): Promise<bigint | null> {
  try {
    return await client.transactionCountAt(address, blockNumber)
  } catch (error) {
    // Nothing else has to wait until they do.
    if (describeDoubt(error) === null) throw error
    return null
  }
}

function remember<Answer>(
  known: Map<Hex, Promise<Answer>>,
  address: Hex,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const answer = known.get(address) ?? ask()
  known.set(address, answer)
  return answer
}
