import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { describeError, invariant } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { SecretBox } from "../../platform/secret-box.ts"
import { passes } from "../live/live-filter.ts"
import type { LiveMessage } from "../presenters/live-event.ts"
import type { LivePage, LiveReader } from "../queries/live-messages.ts"
import { deferEndpoint, type LeasedEndpoint, releaseLease, renewLease, takeLease } from "./endpoint-lease.ts"
import {
  dropRetried,
  type Failure,
  findRequested,
  LeaseLostError,
  postponeRequested,
  type RequestedDelivery,
  recordDelivered,
  recordFailure,
  recordRequested,
  type Sent,
} from "./record-attempts.ts"
import type { ResolveName } from "./resolve-name.ts"
import { decideRetry, faultWaitMs } from "./retry-schedule.ts"
import { type Attempt, createWebhookSender, type SendLimits, type WebhookSender } from "./send-webhook.ts"
import { messageIdOf, signWebhook } from "./sign-webhook.ts"
import { readWebhookPolicy, type WebhookPolicy } from "./webhook-policy.ts"
import { readSecrets } from "./webhook-secrets.ts"

export type DeliveryContext = {
  readonly db: Kysely<Database>
  readonly reader: LiveReader
  readonly box: SecretBox
  readonly resolve: ResolveName
  readonly logger: Logger
  readonly limits: SendLimits
  readonly userAgent: string
  /** For so long nobody else delivers to the endpoint; longer than an attempt may take. */
  readonly leaseMs: number
  /** After so long an endpoint goes behind those that wait. */
  readonly sliceMs: number
  /** Of [0, 1). */
  readonly random: () => number
}

/** What the process and a delivery under way tell each other. */
export type Ending = {
  /** Nothing more is begun. */
  isStopping(): boolean
  /** What has no answer yet is broken off. */
  readonly breakOff: AbortSignal
  /** Others wait for a place. */
  isCrowded(): boolean
  /** The receiver takes its time; its answer is waited for, and after it nothing more is begun. */
  onSlow(): void
}

const pageSize = 200
/** What is erased is not sent from a page that was read before: so old may it be. */
const pageMsMax = 200
/** Deliveries that are recorded at once, and how long the first of them waits for the others: so many may be sent again after a crash. */
const recordedAtOnceMax = 50
const unrecordedMsMax = 200
/** An answer that takes longer makes its endpoint a slow one, until an answer is quicker. */
const slowMs = 1_000
const requestedAtOnceMax = 50
/** Of an endpoint's time, where no place is left. */
const crowdedSliceMs = 500

/**
 * Delivers to one endpoint what there is for it, in the order of the log, until there is no more, an attempt fails, or its time is over. Nobody else does at the same time: it holds the endpoint's lease.
 * @returns whether there is more to deliver now
 */
export async function deliverEndpoint(
  context: DeliveryContext,
  endpointId: string,
  ending: Ending,
): Promise<boolean> {
  const { db, leaseMs, logger } = context
  const endpoint = await takeLease(db, endpointId, leaseMs)
  if (endpoint === undefined) return false
  try {
    const isHeld = await walk(context, endpoint, ending)
    return isHeld ? await releaseLease(db, endpoint) : false
  } catch (error) {
    if (error instanceof LeaseLostError || !(await deferEndpoint(db, endpoint, context.random()))) {
      const reason = describeError(error)
      logger.info(
        { endpoint: endpointId, reason },
        "another process delivers to a webhook, or it was changed",
      )
      return true
    }
    logger.error({ endpoint: endpointId, reason: describeError(error) }, "a webhook could not be delivered")
    return false
  }
}

/** @returns whether the endpoint is still held */
async function walk(context: DeliveryContext, endpoint: LeasedEndpoint, ending: Ending): Promise<boolean> {
  const policy = await readWebhookPolicy(context.db)
  const secrets = await readSecrets(context.db, context.box, endpoint.endpointId)
  const sender = createWebhookSender({ ...context, url: endpoint.url, policy })
  try {
    return await createWalk(context, endpoint, policy, secrets, sender, ending).run()
  } finally {
    sender.close()
  }
}

/** Whether the next one is sent; after a failure the endpoint is nobody's. */
type Step = "go on" | "stop" | "given back"

function createWalk(
  context: DeliveryContext,
  endpoint: LeasedEndpoint,
  policy: WebhookPolicy,
  secrets: readonly Buffer[],
  sender: WebhookSender,
  ending: Ending,
) {
  const { db, reader, leaseMs, logger } = context
  const { endpointId, ledgerId, userId, tokenSymbol, chainId } = endpoint
  const filter = {
    userId,
    tokenSymbol,
    chainId,
    types: endpoint.types === null ? null : new Set(endpoint.types),
  }
  const beganMs = performance.now()
  let leasedMs = beganMs
  /** As the database knows it. */
  let recorded = endpoint.cursorPosition
  let cursor = recorded
  let sent: Sent[] = []
  let unrecordedSinceMs = 0
  /** Of a page. */
  let wanted = pageSize

  let isSlow = false
  const isOver = () => {
    const sliceMs = ending.isCrowded() ? Math.min(crowdedSliceMs, context.sliceMs) : context.sliceMs
    return isSlow || ending.isStopping() || performance.now() - beganMs > sliceMs
  }

  /** @returns whether the settings are those that we know */
  async function record(): Promise<boolean> {
    if (sent.length === 0 && cursor === recorded) return true
    const isUnchanged = await recordDelivered(db, endpoint, { from: recorded, cursor, sent, isSlow, leaseMs })
    leasedMs = performance.now()
    recorded = cursor
    sent = []
    return isUnchanged
  }

  /** No attempt begins that the lease might not outlast. */
  async function holdLease(): Promise<void> {
    if (performance.now() - leasedMs < leaseMs / 4) return
    if (!(await renewLease(db, endpoint, leaseMs))) throw new LeaseLostError()
    leasedMs = performance.now()
  }

  async function attempt(messageId: string, body: string): Promise<Attempt> {
    await holdLease()
    const timer = setTimeout(() => {
      isSlow = true
      ending.onSlow()
    }, slowMs)
    try {
      return await sender.send(signWebhook(messageId, body, secrets, new Date()), body, ending.breakOff)
    } finally {
      clearTimeout(timer)
    }
  }

  async function deliver(message: LiveMessage, retries: number): Promise<Step> {
    const { position, type } = message
    const result = await attempt(messageIdOf(endpointId, { position }), message.write(userId).json)
    // Cut by our own end: whether it was received is not known, so it is sent again.
    if (result.error === "BROKEN_OFF") return "stop"
    if (result.error !== null) {
      await record()
      await recordFailure(db, endpoint, recorded, { position, type, attempt: result }, judge(result, retries))
      return "given back"
    }
    if (sent.length === 0) unrecordedSinceMs = performance.now()
    sent.push({ position, type, attempt: result })
    cursor = position
    const isEnough =
      sent.length >= recordedAtOnceMax || performance.now() - unrecordedSinceMs >= unrecordedMsMax
    return !isEnough || (await record()) ? "go on" : "stop"
  }

  function judge({ status, retryAfterMs }: Attempt, retries: number): Failure {
    if (status === 410) return { outcome: "gone" }
    const delayMs = decideRetry(retries + 1, context.random(), retryAfterMs)
    if (delayMs !== null) return { outcome: "retry", delayMs }
    const failedForMs = endpoint.failingSince === null ? 0 : Date.now() - endpoint.failingSince.getTime()
    return { outcome: "dead", isDisabled: failedForMs >= policy.disableAfterMs }
  }

  /** What somebody asked for does not wait for what is retried. @returns whether the settings are those that we know */
  async function deliverRequested(): Promise<boolean> {
    for (const requested of await findRequested(db, endpointId, requestedAtOnceMax)) {
      const written = await writeRequested(requested)
      if (written === null) continue
      const result = await attempt(written.messageId, written.body)
      if (result.error === "BROKEN_OFF") return true
      if (!(await recordRequested(db, endpoint, requested, result))) return false
      if (isOver()) return true
    }
    return true
  }

  /** @returns null where the event cannot be read: what is behind it does not wait for somebody to mend that */
  async function writeRequested(
    requested: RequestedDelivery,
  ): Promise<{ messageId: string; body: string } | null> {
    const { deliveryId, position } = requested
    if (position === null) {
      const messageId = messageIdOf(endpointId, { testId: deliveryId })
      return { messageId, body: writeTest(endpointId, deliveryId) }
    }
    try {
      const { json } = (await readAt(position)).write(userId)
      return { messageId: messageIdOf(endpointId, { position }), body: json }
    } catch (error) {
      logger.error(
        { endpoint: endpointId, delivery: deliveryId, reason: describeError(error) },
        "a delivery that was asked for cannot be written",
      )
      await postponeRequested(db, requested, faultWaitMs.longest)
      return null
    }
  }

  async function readAt(position: bigint): Promise<LiveMessage> {
    const { messages } = await reader.read(ledgerId, position - 1n, { userId: null, limit: 1 })
    const [message] = messages
    invariant(message?.position === position, `event ${position} cannot be read`)
    return message
  }

  /** An event that cannot be read holds up what is behind it, and nothing that is before it. */
  async function readPage(): Promise<LivePage> {
    try {
      return await reader.read(ledgerId, cursor, { userId, limit: wanted })
    } catch (error) {
      logger.debug({ endpoint: endpointId, reason: describeError(error) }, "a page of the log cannot be read")
      return reader.read(ledgerId, cursor, { userId, limit: 1 })
    }
  }

  async function deliverPage(): Promise<Step> {
    const readMs = performance.now()
    const page = await readPage()
    for (const message of page.messages) {
      const step = passes(filter, message) ? await deliver(message, 0) : "go on"
      if (step !== "go on") return step
      cursor = message.position
      if (isOver()) return "stop"
      if (performance.now() - readMs <= pageMsMax) continue
      // As many as are taken in the time: the others would be read in vain.
      wanted = Math.max(1, page.messages.indexOf(message) + 1)
      return "go on"
    }
    wanted = Math.min(pageSize, wanted * 2)
    cursor = page.through
    return (await record()) && !page.isLast ? "go on" : "stop"
  }

  /** One that the settings of now do not want is nobody's any more: who was to get it may be another one than who is there now. */
  async function deliverRetried({ position, retries }: { position: bigint; retries: number }): Promise<Step> {
    const message = await readAt(position)
    if (passes(filter, message)) return deliver(message, retries)
    if (!(await dropRetried(db, endpoint, position))) return "stop"
    cursor = position
    return "go on"
  }

  async function deliverLog(): Promise<Step> {
    const { retrying } = endpoint
    let step: Step = retrying === null ? "go on" : await deliverRetried(retrying)
    if (retrying !== null && step === "go on") step = (await record()) ? "go on" : "stop"
    while (step === "go on") step = isOver() ? "stop" : await deliverPage()
    if (step === "stop") await record()
    return step
  }

  return {
    /** @returns whether the endpoint is still held */
    async run(): Promise<boolean> {
      if (endpoint.hasRequested && !(await deliverRequested())) return true
      if (!endpoint.isDue || ending.isStopping()) return true
      try {
        return (await deliverLog()) === "stop"
      } catch (error) {
        // What was taken before the fault is not sent again each time that we run into it.
        if (!(error instanceof LeaseLostError)) await record()
        throw error
      }
    },
  }
}

/** What a test carries: no event stands behind it. */
function writeTest(endpointId: string, deliveryId: bigint): string {
  const time = new Date().toISOString()
  return JSON.stringify({
    id: null,
    type: "webhook.test",
    time,
    data: { webhook_id: endpointId, delivery_id: deliveryId.toString() },
  })
}
