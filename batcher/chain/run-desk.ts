import type { Hex } from "viem"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { ChainBridgeError, describeError, invariant } from "../../platform/errors.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import { parseQuantity } from "../../platform/rpc/agreement.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { Batcher } from "../batcher-context.ts"
import { transactionGasMax } from "../domain/gas-limit.ts"
import { keepLease } from "../lanes/lease-keeper.ts"
import { describeCall } from "../store/call-key.ts"
import { releaseClaims } from "../store/claims.ts"
import { clearSettledAlarms, clearUsedNonces } from "../store/clear-settled-alarms.ts"
import { holdSigner, type Lease } from "../store/leases.ts"
import { loadOpenAnchors } from "../store/open-anchors.ts"
import { loadOpenBatches } from "../store/open-batches.ts"
import type { OpenCall } from "../store/open-call.ts"
import { sealDueAnchors } from "../store/seal-anchors.ts"
import { readStanding, subjectOfSigner } from "../store/signer-standing.ts"
import { readNextNonce, registerSigner, skipNonces } from "../store/signers.ts"
import { readTransactionPolicy } from "../store/transaction-policy.ts"
import { fillGas, loadWithoutGas } from "../store/without-gas.ts"
import { alarmForeign } from "./call-alarms.ts"
import { createTurnReads, type DeskTurn, finalBlock, readAgreedCount } from "./desk-turn.ts"
import { endRetirement } from "./end-retirement.ts"
import { guardCall } from "./fail-call.ts"
import { createFeeWatch } from "./fee-watch.ts"
import { createLostNonceFiller } from "./fill-lost-nonces.ts"
import { fillNonces } from "./fill-nonces.ts"
import { findConsumer } from "./find-consumer.ts"
import { readReceipt } from "./follow-call.ts"
import { createPurse, type Shortage } from "./purse.ts"
import type { Signer } from "./signer.ts"
import { createRoleWatch } from "./signer-role.ts"
import { stopForRetired, watchBalance } from "./watch-balance.ts"
import { createContractWatch } from "./watch-contracts.ts"
import { watchTreasuries } from "./watch-treasuries.ts"
import { inOrder, workOnCalls } from "./work-on-calls.ts"

const gapMs = 25
// Without a new block or news from elsewhere, nothing is looked at again sooner than this, whatever the chain's block time.
const pollMsMin = 1_000
// While something waits for a block, blocks are looked for no faster than this.
const headPollMsMin = 250
const withoutGasMax = 200
const faultsBeforeAlarm = 5

type NewestBlock = {
  readonly number: bigint
  readonly gasLimit: bigint
  readonly baseFeePerGas: bigint | null
}

export type RunningDesk = {
  wake(): void
  readonly status: () => DeskStatus
  stop(): Promise<void>
}

export type DeskStatus = {
  readonly chainId: bigint
  readonly signer: Hex
  /** Whether this process holds the signer's lease. */
  readonly isHeld: boolean
  /** Wei, as of the last look. */
  readonly balance: bigint | null
  readonly inFlight: number
  readonly lastFault: string | null
}

/** Does everything that one signer signs, and nobody else does while its lease is held: from sealed batches and anchors to mined transactions. */
export function runDesk(batcher: Batcher, chainId: bigint, client: ChainClient, signer: Signer): RunningDesk {
  const { db, limits, logger } = batcher
  const key = { chainId, address: signer.address }
  const keeper = keepLease({
    hold: () => holdSigner(db, key, batcher.processId, limits.leaseMs),
    leaseMs: limits.leaseMs,
  })
  const feeWatch = createFeeWatch(batcher, key)
  const fillLostNonces = createLostNonceFiller()
  const findMissingContracts = createContractWatch()
  const roles = createRoleWatch(batcher, client, key)
  const shortage: Shortage = { untilMs: 0 }
  let heldEpoch: bigint | null = null
  let balance: bigint | null = null
  let inFlight = 0
  let lastFault: string | null = null
  let faults = 0
  let watchedAtMs = 0
  /** Open in the last turn: one that is gone from the list may have been confirmed before we saw its receipt. */
  let lastOpen = new Set<string>()
  let isRecovering = true
  /** The gas of something that is confirmed may be missing. */
  let isUntidy = false
  /** Of the newest block in the last turn. */
  let headHash: string | null = null
  let isWoken = false
  let workedAtMs = Number.NEGATIVE_INFINITY
  let pollMs = pollMsMin
  /** Who had the lease before may have raised what only its holder can clear. */
  let mayBeAlarmed = true

  async function turn(): Promise<number> {
    try {
      const sleepMs = await work()
      // Who only waits for the lease has not shown that the signer can work.
      if (mayBeAlarmed && heldEpoch !== null) {
        await clearAlarm(db, "signer_failing", subjectOfSigner(key))
        mayBeAlarmed = false
      }
      faults = 0
      lastFault = null
      return sleepMs
    } catch (error) {
      lastFault = describeError(error)
      if (error instanceof ChainBridgeError && error.code === "LEASE_LOST") {
        keeper.drop()
        heldEpoch = null
        logger.warn({ chainId: chainId.toString() }, "the signer's lease went to another process, or ran out")
        await countFault()
        return limits.leasePollMs
      }
      await countFault()
      throw error
    }
  }

  /** A turn that never ends well settles nothing, whatever the reason. */
  async function countFault(): Promise<void> {
    faults += 1
    if (faults < faultsBeforeAlarm) return
    const message = `signer ${signer.address} could not work on chain ${chainId} ${faults} times in a row: ${lastFault}`
    // Others may be able to.
    await releaseClaims(db, key)
    await raiseAlarm(db, { kind: "signer_failing", subject: subjectOfSigner(key), ledgerId: null, message })
    mayBeAlarmed = true
  }

  async function work(): Promise<number> {
    if ((await readNextNonce(db, key)) === null) await register()
    const lease = await keeper.get()
    if (lease === null) {
      heldEpoch = null
      return limits.leasePollMs
    }
    if (heldEpoch !== lease.epoch) {
      isRecovering = true
      mayBeAlarmed = true
    }
    heldEpoch = lease.epoch
    const newest = await client.reads.getBlock({ blockTag: "latest" })
    const isSameHead = newest.hash === headHash && !isRecovering
    // Between two blocks there is nothing new but what wakes the desk. What has failed is tried again, not passed over.
    if (
      faults === 0 &&
      isSameHead &&
      !isWoken &&
      performance.now() - workedAtMs < pollMsMin &&
      pollMs < pollMsMin
    )
      return pollMs
    isWoken = false
    workedAtMs = performance.now()
    const deskTurn = await openTurn(lease, newest)
    const count = await watchSigner(deskTurn)
    const { isFirst } = deskTurn.standing
    const open: readonly OpenCall[] = inOrder([
      ...(await loadOpenBatches(db, key, { limit: limits.deskPageBatches, withOrphans: isFirst })),
      ...(await loadOpenAnchors(db, key, { limit: limits.deskPageBatches, isFirst })),
    ])
    await tidyUp(open, count !== null)
    const missing = await findMissingContracts(deskTurn, open)
    const calls = open.filter(({ to }) => !missing.has(to))
    const work = await workOnCalls(deskTurn, calls, { isSameHead, withLease })
    inFlight = work.inFlight
    // Taken, mined and confirmed before the next turn, it would never be seen to go.
    if (work.taken > 0) isUntidy = true
    if (count !== null) {
      await fillNonces(deskTurn, count)
      if (missing.size === 0) await fillLostNonces(deskTurn, count)
      await endRetirement(deskTurn, open)
    }
    await feeWatch.endTurn(deskTurn)
    isRecovering = false
    headHash = newest.hash
    // Last of all, and in no turn that is made for a batch: nobody waits for an anchor.
    const sealed = count === null || !isFirst ? 0 : await sealDueAnchors(batcher, deskTurn.desk)
    pollMs = pollMsFor(deskTurn.policy.blockTimeMs, {
      inFlight,
      isWaiting: open.length + work.taken + sealed > 0,
    })
    return Math.max(0, Math.min(pollMs, work.nextRetryMs - batcher.now().getTime()))
  }

  function pollMsFor(
    blockTimeMs: number,
    open: { readonly inFlight: number; readonly isWaiting: boolean },
  ): number {
    if (!open.isWaiting) return limits.fallbackPollMs
    // What waits for a block wants to know of it soon: the next one may hold what takes its place.
    const soonestMs =
      open.inFlight > 0 ? Math.max(headPollMsMin, blockTimeMs / 4) : Math.max(pollMsMin, blockTimeMs)
    return Math.min(limits.fallbackPollMs, soonestMs)
  }

  async function openTurn(lease: Lease, newest: NewestBlock): Promise<DeskTurn> {
    const policy = await readTransactionPolicy(db, chainId)
    const head = newest.number
    const reads = createTurnReads(client, {
      lastFinalBlock: finalBlock({ head, policy }),
      confirmationBlocks: policy.confirmationBlocks,
      transactionType: policy.transactionType,
      hasBaseFee: newest.baseFeePerGas !== null,
    })
    return {
      batcher,
      desk: { db, signer: key, lease },
      client,
      signer,
      policy,
      head,
      gasMax: transactionGasMax(newest.gasLimit),
      isRecovery: isRecovering,
      reads,
      standing: await readStanding(db, key),
      purse: createPurse(batcher, client, key, reads, shortage),
      roles,
      feeWatch,
      async renewLease() {
        await keeper.get()
      },
    }
  }

  /** Reads the signer's count from the chain, once in its life, as all endpoints that answer say it. Transactions of it that are under way would make the count a guess. */
  async function register(): Promise<void> {
    const counts = await Promise.all(
      ["latest", "pending"].map((block) =>
        client.readEach("eth_getTransactionCount", [signer.address, block], parseQuantity),
      ),
    )
    const [count, ...others] = counts.flat()
    if (count === undefined || others.some((other) => other !== count)) {
      throw new ChainBridgeError(
        "SIGNER_BUSY",
        `signer ${signer.address} has transactions under way on chain ${chainId}, or its endpoints do not agree on how many it has made: ${counts.flat().join(", ")}; it is registered when they are mined, and all say the same`,
        { retryable: true },
      )
    }
    await registerSigner(db, key, count)
    logger.info(
      { chainId: chainId.toString(), signer: signer.address, nextNonce: count.toString() },
      "signer registered",
    )
  }

  /**
   * The chain's count is only compared: more than we ever reserved means that somebody else has the key.
   * @returns the signer's transactions in the newest block; null where they were counted a moment ago
   */
  async function watchSigner(deskTurn: DeskTurn): Promise<bigint | null> {
    const nowMs = batcher.now().getTime()
    if (!isRecovering && nowMs - watchedAtMs < limits.fallbackPollMs) return null
    const count = await deskTurn.reads.latestCount(signer.address)
    balance = await client.reads.getBalance({ address: signer.address })
    const nextNonce = await readNextNonce(db, key)
    invariant(nextNonce !== null, "a signer that is held is registered")
    if (count > nextNonce) await lookForForeign(deskTurn, nextNonce)
    // Not by the count: one endpoint that makes it up must not keep anybody from hearing of a nonce that is stuck.
    await clearUsedNonces(db, key, () => deskTurn.reads.finalCount(signer.address))
    await watchBalance(deskTurn, balance, count)
    if (deskTurn.standing.isRetired) await stopForRetired(deskTurn)
    if (deskTurn.standing.isFirst) await watchTreasuries(deskTurn)
    watchedAtMs = nowMs
    return count
  }

  /** One endpoint that makes a count up stops no lane. */
  async function lookForForeign(deskTurn: DeskTurn, nextNonce: bigint): Promise<void> {
    const count = await readAgreedCount(client, signer.address, deskTurn.head)
    if (count === null || count <= nextNonce) return
    await alarmForeign(deskTurn, `it has ${count} transactions, and we made at most ${nextNonce}`)
    await skipUsed(deskTurn)
  }

  /** A count is soon said. Only a transaction that is signed by our key shows that a nonce is used up; a nonce that is passed over and is not would keep every later one waiting. */
  async function skipUsed(deskTurn: DeskTurn): Promise<void> {
    const used = await deskTurn.reads.finalCount(signer.address)
    if (used === null || used === 0n) return
    const found = await findConsumer(client, {
      signer: signer.address,
      nonce: used - 1n,
      through: finalBlock(deskTurn),
    })
    if ("unknown" in found) logger.warn({ problem: found.unknown }, "nonces are not passed over")
    else await skipNonces(db, key, deskTurn.desk.lease, used)
  }

  /** One step for one call. A turn with many may outlast the lease, so it is renewed on the way. */
  async function withLease<Result>(
    deskTurn: DeskTurn,
    call: OpenCall,
    step: () => Promise<Result>,
  ): Promise<Result | undefined> {
    await keeper.get()
    return guardCall(deskTurn, call, step)
  }

  /** Completes what the worker confirmed meanwhile. */
  async function tidyUp(calls: readonly OpenCall[], isWatching: boolean): Promise<void> {
    const open = new Set(calls.map((call) => `${call.ledgerId}: ${describeCall(call)}`))
    const isSomethingGone = isRecovering || [...lastOpen].some((name) => !open.has(name))
    if (isSomethingGone || (isWatching && isUntidy)) {
      isUntidy = false
      for (const { key, hash } of await loadWithoutGas(db, chainId, withoutGasMax)) {
        const receipt = await readReceipt(client, hash)
        if (receipt === null) isUntidy = true
        else await fillGas(db, key, receipt)
      }
      await clearSettledAlarms(db)
    }
    lastOpen = open
  }

  const loop: Loop = startLoop({ name: `desk ${chainId} ${signer.address}`, logger, gapMs, turn })
  return {
    wake() {
      isWoken = true
      loop.wake()
    },
    status: () => ({
      chainId,
      signer: signer.address,
      isHeld: heldEpoch !== null,
      balance,
      inFlight,
      lastFault,
    }),
    stop: () => loop.stop(),
  }
}
