import type { Kysely } from "kysely"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import type { ChainView } from "./chain-view.ts"
import { firstStepSize, followChain } from "./follow-chain.ts"
import { chainSubject, type FollowedChain, type FollowResult } from "./followed-chain.ts"

/** How long confirmations may wait, for the indexer or for the endpoints, before somebody is told. */
const defaultWaitingMsMax = 60_000

export type ConfirmationStatus = {
  readonly chain_id: number
  readonly outcome: FollowResult["outcome"] | "starting"
  readonly confirmed_block: string | null
  readonly waiting_for: string | null
}

/** Follows one chain for as long as the process lives; everything it knows stands in the database. */
export function runConfirmations(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly chainId: number
  readonly view: ChainView
  readonly waitingMsMax?: number
}): Loop & { status(): ConfirmationStatus } {
  const { db, chainId, view, waitingMsMax = defaultWaitingMsMax } = options
  const logger = options.logger.child({ chain_id: chainId })
  let waitingSince: number | undefined
  let isAlarmRaised = false
  /** An earlier process may have raised it: the first turn that does not wait clears it. */
  let mayBeAlarmed = true
  const stepSize = firstStepSize()
  let status: ConfirmationStatus = {
    chain_id: chainId,
    outcome: "starting",
    confirmed_block: null,
    waiting_for: null,
  }

  async function turn(): Promise<number> {
    const chain = await readFollowedChain(db, chainId)
    if (chain === undefined) return 1_000
    const result = await follow(chain)
    report(result)
    await watch(chain, result)
    return result.outcome === "revoked" || (result.outcome === "confirmed" && result.isBehind)
      ? 0
      : chain.pollMs
  }

  /** A step that fails waits as well, and for longer. */
  async function follow(chain: FollowedChain): Promise<FollowResult> {
    try {
      return await followChain(db, view, chain, new Date(), stepSize)
    } catch (error) {
      const waiting = { outcome: "waiting", reason: describeError(error) } as const
      report(waiting)
      await watch(chain, waiting)
      throw error
    }
  }

  function report(result: FollowResult): void {
    if (result.outcome === "waiting" && status.waiting_for !== result.reason)
      logger.info({ reason: result.reason }, "confirmations wait")
    if (result.outcome === "revoked") logger.error(result, "confirmations were taken back")
    else if (result.outcome === "confirmed" && result.events > 0) logger.info(result, "confirmed")
    status = {
      chain_id: chainId,
      outcome: result.outcome,
      confirmed_block: "cursor" in result ? result.cursor.blockNumber.toString() : status.confirmed_block,
      waiting_for: result.outcome === "waiting" ? result.reason : null,
    }
  }

  async function watch(chain: FollowedChain, result: FollowResult): Promise<void> {
    if (result.outcome !== "waiting") {
      waitingSince = undefined
      if (mayBeAlarmed) await clearAlarm(db, "indexer_behind", chainSubject(chain.chainId))
      mayBeAlarmed = false
      isAlarmRaised = false
      return
    }
    waitingSince ??= performance.now()
    const waitedMs = performance.now() - waitingSince
    if (waitedMs < waitingMsMax || isAlarmRaised) return
    const message = `nothing could be confirmed on chain ${chainId} for ${Math.round(waitedMs / 1_000)} s: ${result.reason}`
    await raiseAlarm(db, {
      kind: "indexer_behind",
      subject: chainSubject(chain.chainId),
      ledgerId: null,
      message,
    })
    isAlarmRaised = true
    mayBeAlarmed = true
  }

  const loop = startLoop({ name: `confirmations of chain ${chainId}`, logger, gapMs: 0, turn })
  return { ...loop, status: () => status }
}

/** The chain as the registry has it now, so that a new token needs no restart. */
async function readFollowedChain(
  db: Kysely<Database>,
  chainId: number,
): Promise<(FollowedChain & { readonly pollMs: number }) | undefined> {
  const chain = await db
    .selectFrom("registry.chains")
    .select([
      "confirmation_blocks",
      "finality",
      "start_block",
      "block_time_ms",
      "audit_anchor",
      "genesis_hash",
    ])
    .where("chain_id", "=", BigInt(chainId))
    .executeTakeFirst()
  if (chain === undefined) return undefined
  const tokens = await db
    .selectFrom("registry.tokens")
    .select(["token_id as tokenId", "token_address as tokenAddress", "treasury"])
    .where("chain_id", "=", BigInt(chainId))
    .orderBy("token_id")
    .execute()
  return {
    chainId,
    confirmationBlocks: chain.confirmation_blocks,
    finality: chain.finality,
    startBlock: chain.start_block,
    genesisHash: chain.genesis_hash,
    tokens,
    auditAnchor: chain.audit_anchor,
    pollMs: Math.min(Math.max(chain.block_time_ms / 4, 100), 2_000),
  }
}
