import type { Hex } from "viem"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { ChainBridgeError, describeError, invariant } from "../../platform/errors.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import type { Batcher, BatcherChain } from "../batcher-context.ts"
import { transactionGasMax } from "../domain/gas-limit.ts"
import { keepLease } from "../lanes/lease-keeper.ts"
import { describeCall } from "../store/call-key.ts"
import { clearSettledAlarms } from "../store/clear-settled-alarms.ts"
import { holdSigner, type Lease, type SignerKey } from "../store/leases.ts"
import { loadOpenAnchors } from "../store/open-anchors.ts"
import { loadOpenBatches } from "../store/open-batches.ts"
import type { OpenCall } from "../store/open-call.ts"
import { sealDueAnchors } from "../store/seal-anchors.ts"
import { readNextNonce, registerSigner, skipNonces } from "../store/signers.ts"
import { readTransactionPolicy } from "../store/transaction-policy.ts"
import { fillGas, loadWithoutGas } from "../store/without-gas.ts"
import { advanceCall } from "./advance-call.ts"
import { alarmForeign } from "./call-alarms.ts"
import { createTurnReads, type DeskTurn, finalBlock, finalityDepthBlock } from "./desk-turn.ts"
import { guardCall } from "./fail-call.ts"
import { createFeeWatch } from "./fee-watch.ts"
import { createLostNonceFiller } from "./fill-lost-nonces.ts"
import { fillNonces } from "./fill-nonces.ts"
import { findConsumer } from "./find-consumer.ts"
import { followCall, type Receipt, readReceipt, readReceiptOf } from "./follow-call.ts"
import { watchBalance } from "./watch-balance.ts"
import { createContractWatch } from "./watch-contracts.ts"
import { watchTreasuries } from "./watch-treasuries.ts"

const gapMs = 25
// Receipts are looked for no faster than this, whatever the chain's block time.
const pollMsMin = 1_000
const receiptsAtOnce = 8
const withoutGasMax = 200
const faultsBeforeAlarm = 5

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
export function runDesk(batcher: Batcher, chainId: bigint, chain: BatcherChain): RunningDesk {
  const { db, limits, logger } = batcher
  const { client, signer } = chain
  const key: SignerKey = { chainId, address: signer.address }
  const keeper = keepLease({
    hold: () => holdSigner(db, key, batcher.processId, limits.leaseMs),
    leaseMs: limits.leaseMs,
  })
  const feeWatch = createFeeWatch(batcher, key)
  const fillLostNonces = createLostNonceFiller()
  const findMissingContracts = createContractWatch()
  let heldEpoch: bigint | null = null
  let balance: bigint | null = null
  let inFlight = 0
  let lastFault: string | null = null
  let faults = 0
  let watchedAtMs = 0
  /** Open in the last turn: one that is gone from the list may have been confirmed before we saw its receipt. */
  let lastOpen = new Set<string>()
  let isRecovering = true
  /** An earlier process may have raised what only we can clear. */
  let mayBeAlarmed = true

  async function turn(): Promise<number> {
    try {
      const sleepMs = await work()
      if (mayBeAlarmed) await clearAlarm(db, "chain_unreachable", `chain:${chainId}`)
      mayBeAlarmed = false
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
    if (faults !== faultsBeforeAlarm) return
    const message = `chain ${chainId} could not be worked on ${faults} times in a row: ${lastFault}`
    await raiseAlarm(db, {
      kind: "chain_unreachable",
      subject: `chain:${chainId}`,
      ledgerId: null,
      message,
    })
    mayBeAlarmed = true
  }

  async function work(): Promise<number> {
    if ((await readNextNonce(db, key)) === null) await register()
    const lease = await keeper.get()
    if (lease === null) {
      heldEpoch = null
      return limits.leasePollMs
    }
    if (heldEpoch !== lease.epoch) isRecovering = true
    heldEpoch = lease.epoch
    const deskTurn = await openTurn(lease)
    const count = await watchSigner(deskTurn)
    const open: readonly OpenCall[] = inOrder([
      ...(await loadOpenBatches(db, chainId, limits.deskPageBatches)),
      ...(await loadOpenAnchors(db, chainId, limits.deskPageBatches)),
    ])
    await tidyUp(open)
    const missing = await findMissingContracts(deskTurn, open)
    const calls = open.filter(({ to }) => !missing.has(to))
    const nextRetryMs = await workOn(deskTurn, calls)
    if (count !== null) await fillNonces(deskTurn, count)
    if (count !== null && missing.size === 0) await fillLostNonces(deskTurn, count)
    await feeWatch.endTurn(deskTurn)
    isRecovering = false
    // Last of all, and in no turn that is made for a batch: nobody waits for an anchor.
    const sealed = count === null ? 0 : await sealDueAnchors(batcher, deskTurn.desk)
    const isWaiting = open.length + sealed > 0
    const pollMs = isWaiting
      ? Math.max(pollMsMin, Math.min(limits.fallbackPollMs, blockTimeMs))
      : limits.fallbackPollMs
    return Math.max(0, Math.min(pollMs, nextRetryMs - batcher.now().getTime()))
  }

  let blockTimeMs = pollMsMin
  async function openTurn(lease: Lease): Promise<DeskTurn> {
    const policy = await readTransactionPolicy(db, chainId)
    blockTimeMs = policy.blockTimeMs
    const newest = await client.reads.getBlock({ blockTag: "latest" })
    const head = newest.number
    return {
      batcher,
      desk: { db, signer: key, lease },
      client,
      signer,
      policy,
      head,
      gasMax: transactionGasMax(newest.gasLimit),
      isRecovery: isRecovering,
      reads: createTurnReads(client, {
        lastFinalBlock: finalBlock({ head, policy }),
        finalityDepthBlock: finalityDepthBlock({ head, policy }),
        transactionType: policy.transactionType,
        hasBaseFee: newest.baseFeePerGas !== null,
      }),
      feeWatch,
      async renewLease() {
        await keeper.get()
      },
    }
  }

  /** Reads the signer's count from the chain, once in its life. Transactions of it that are under way would make the count a guess. */
  async function register(): Promise<void> {
    const [latest, pending] = await Promise.all([
      client.reads.getTransactionCount({ address: signer.address, blockTag: "latest" }),
      client.reads.getTransactionCount({ address: signer.address, blockTag: "pending" }),
    ])
    if (latest !== pending) {
      throw new ChainBridgeError(
        "SIGNER_BUSY",
        `signer ${signer.address} has transactions under way on chain ${chainId}; it is registered when they are mined`,
        { retryable: true },
      )
    }
    await registerSigner(db, key, BigInt(latest))
    logger.info(
      { chainId: chainId.toString(), signer: signer.address, nextNonce: latest },
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
    if (count > nextNonce) {
      await alarmForeign(deskTurn, `it has ${count} transactions, and we made at most ${nextNonce}`)
      await skipUsed(deskTurn)
    }
    await watchBalance(deskTurn, balance, count)
    await watchTreasuries(deskTurn)
    watchedAtMs = nowMs
    return count
  }

  /** A count is soon said. Only a transaction that is signed by our key shows that a nonce is used up; a nonce that is passed over and is not would keep every later one waiting. */
  async function skipUsed(deskTurn: DeskTurn): Promise<void> {
    const used = await deskTurn.reads.finalCount(signer.address)
    if (used === 0n) return
    const found = await findConsumer(client, {
      signer: signer.address,
      nonce: used - 1n,
      through: finalBlock(deskTurn),
    })
    if ("unknown" in found) logger.warn({ problem: found.unknown }, "nonces are not passed over")
    else await skipNonces(db, key, deskTurn.desk.lease, used)
  }

  async function workOn(deskTurn: DeskTurn, calls: readonly OpenCall[]): Promise<number> {
    const saved = calls.filter((call) => call.hashes.length > 0)
    const receipts = await readReceipts(saved)
    for (const call of saved) {
      const receipt = receipts.get(call) ?? null
      await withLease(deskTurn, call, () => followCall(deskTurn, call, receipt))
    }

    // Nonces without bytes come next, whatever became of their lane: later ones of the signer wait for them.
    for (const call of calls) {
      if (call.nonce?.signer === signer.address && call.hashes.length === 0)
        await withLease(deskTurn, call, () => advanceCall(deskTurn, call))
    }
    const countInFlight = (kind: OpenCall["kind"]) =>
      calls.filter(
        (call) => call.kind === kind && call.nonce !== null && call.state !== "mined" && !receipts.get(call),
      ).length
    const taken = { batch: countInFlight("batch"), anchor: countInFlight("anchor") }
    const room = { batch: limits.signerInFlightMax, anchor: limits.signerAnchorsInFlightMax }
    let nextRetryMs = Number.POSITIVE_INFINITY
    for (const call of calls) {
      if (call.nonce !== null || (call.kind === "batch" && call.isLanePaused && !call.isCancelling)) continue
      const retryAtMs = call.retryAt?.getTime() ?? 0
      if (retryAtMs > batcher.now().getTime()) nextRetryMs = Math.min(nextRetryMs, retryAtMs)
      else if (taken[call.kind] < room[call.kind]) {
        const hasNonce = await withLease(deskTurn, call, () => advanceCall(deskTurn, call))
        if (hasNonce === true) taken[call.kind] += 1
      }
    }
    inFlight = taken.batch + taken.anchor
    return nextRetryMs
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

  async function readReceipts(calls: readonly OpenCall[]): Promise<Map<OpenCall, Receipt>> {
    const receipts = new Map<OpenCall, Receipt>()
    for (let start = 0; start < calls.length; start += receiptsAtOnce) {
      await Promise.all(
        calls.slice(start, start + receiptsAtOnce).map(async (call) => {
          const receipt = await readReceiptOf(client, call.hashes)
          if (receipt !== null) receipts.set(call, receipt)
        }),
      )
    }
    return receipts
  }

  /** Completes what the worker confirmed meanwhile. */
  async function tidyUp(calls: readonly OpenCall[]): Promise<void> {
    const open = new Set(calls.map((call) => `${call.ledgerId}: ${describeCall(call)}`))
    if (isRecovering || [...lastOpen].some((name) => !open.has(name))) {
      for (const { key, hash } of await loadWithoutGas(db, chainId, withoutGasMax)) {
        const receipt = await readReceipt(client, hash)
        if (receipt !== null) await fillGas(db, key, receipt)
      }
      await clearSettledAlarms(db)
    }
    lastOpen = open
  }

  const loop: Loop = startLoop({ name: `desk ${chainId}`, logger, gapMs, turn })
  return {
    wake: () => loop.wake(),
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

/** The order of the nonces, and behind them what has none yet: batches before anchors. */
function inOrder(calls: readonly OpenCall[]): OpenCall[] {
  return [...calls].sort((a, b) => {
    if (a.nonce === null || b.nonce === null) return Number(a.nonce === null) - Number(b.nonce === null)
    return a.nonce.value < b.nonce.value ? -1 : 1
  })
}
