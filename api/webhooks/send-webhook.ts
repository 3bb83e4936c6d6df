import http from "node:http"
import https from "node:https"
import type { LookupFunction } from "node:net"
import { describeError } from "../../platform/errors.ts"
import { checkUrl, isAllowedAddress, notPublic } from "./check-target.ts"
import type { ResolveName } from "./resolve-name.ts"
import { readRetryAfter } from "./retry-schedule.ts"
import type { WebhookPolicy } from "./webhook-policy.ts"

/** What kept an attempt from being a success. */
export type AttemptError =
  | "TARGET_REFUSED"
  | "NAME_NOT_FOUND"
  | "TIMEOUT"
  | "NO_CONNECTION"
  | "STATUS"
  | "BROKEN_OFF"

/** What became of one attempt. */
export type Attempt = {
  readonly beganAt: Date
  readonly durationMs: number
  /** null: there was no answer. */
  readonly status: number | null
  /** null: delivered. */
  readonly error: AttemptError | null
  /** Of the answer's body, or what is known of the error. */
  readonly excerpt: string
  readonly retryAfterMs: number | null
}

export type SendLimits = {
  /** From the look-up of the name to the head of the answer. */
  readonly attemptMs: number
  /** For the body of the answer, which only the log is interested in. */
  readonly bodyMs: number
}

export const defaultSendLimits: SendLimits = { attemptMs: 15_000, bodyMs: 1_000 }

/** One endpoint's connection, which is kept from one message to the next. */
export type WebhookSender = {
  send(headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal): Promise<Attempt>
  close(): void
}

const bodyBytesMax = 4_096
const excerptMax = 512
const headerBytesMax = 16_384
/** Node takes any three digits for a status. */
const statusMin = 100

class TargetRefusedError extends Error {}
class NameNotFoundError extends Error {}

/**
 * Delivers to one URL, and never to an address that the rules refuse: each new connection looks the name up once, has every address that it has checked, and goes to one of those.
 * No proxy, and no redirect is followed.
 */
export function createWebhookSender(options: {
  readonly url: string
  readonly policy: WebhookPolicy
  readonly resolve: ResolveName
  readonly limits: SendLimits
  readonly userAgent: string
}): WebhookSender {
  const { url: text, policy, limits } = options
  const client = text.startsWith("https:") ? https : http
  const agent = new client.Agent({ keepAlive: true, maxSockets: 1, lookup: guardedLookup(options) })

  function request(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const bytes = Buffer.from(body)
      let isRepeated = false
      let bytesBefore: number | undefined
      const sending = client.request(url, {
        agent,
        method: "POST",
        maxHeaderSize: headerBytesMax,
        headers: {
          ...headers,
          "content-type": "application/json",
          "content-length": bytes.length,
          "user-agent": options.userAgent,
        },
      })
      const abort = () => sending.destroy(signal.reason as Error)
      if (signal.aborted) abort()
      signal.addEventListener("abort", abort, { once: true })
      sending.on("close", () => {
        signal.removeEventListener("abort", abort)
        // Nobody waits for what Node forgets to say. Once there was an answer this changes nothing.
        if (!isRepeated) reject(new Error("closed without an answer"))
      })
      sending.on("socket", (socket) => {
        bytesBefore = socket.bytesRead
      })
      sending.on("response", resolve)
      sending.on("upgrade", (_, socket) => {
        socket.destroy()
        reject(new Error("answered 101: another protocol"))
      })
      sending.on("error", (error) => {
        // A connection that the receiver had closed while it was idle says nothing about the receiver. Where an answer had begun, the message was received.
        const isStale =
          sending.reusedSocket &&
          (error as NodeJS.ErrnoException).code === "ECONNRESET" &&
          sending.socket?.bytesRead === bytesBefore
        if (isStale && !signal.aborted) {
          isRepeated = true
          request(url, headers, body, signal).then(resolve, reject)
        } else reject(error)
      })
      sending.end(bytes)
    })
  }

  return {
    async send(headers, body, signal) {
      const beganAt = new Date()
      const beganMs = performance.now()
      const timeout = AbortSignal.timeout(limits.attemptMs)
      const ended = (rest: Pick<Attempt, "status" | "error" | "excerpt" | "retryAfterMs">): Attempt => ({
        beganAt,
        durationMs: Math.round(performance.now() - beganMs),
        ...rest,
      })
      try {
        // A host that is an address is never looked up.
        const url = checkUrl(text, policy)
        if ("refused" in url) throw new TargetRefusedError(url.refused)
        const response = await request(url, headers, body, AbortSignal.any([signal, timeout]))
        const status = response.statusCode ?? 0
        if (status < statusMin) {
          response.destroy()
          throw new Error(`answered with the status ${String(status).padStart(3, "0")}, which is none`)
        }
        const retryAfterMs = readRetryAfter(response.headers["retry-after"], Date.now())
        const excerpt = await readExcerpt(response, limits.bodyMs)
        const isDelivered = status >= 200 && status < 300
        return ended({ status, error: isDelivered ? null : "STATUS", excerpt, retryAfterMs })
      } catch (error) {
        const why = timeout.aborted && !signal.aborted ? "TIMEOUT" : errorOf(error, signal)
        const excerpt = cut(why === "TIMEOUT" ? `no answer within ${limits.attemptMs} ms` : explain(error))
        return ended({ status: null, error: why, excerpt, retryAfterMs: null })
      }
    },
    close() {
      agent.destroy()
    },
  }
}

function errorOf(error: unknown, signal: AbortSignal): AttemptError {
  if (signal.aborted) return "BROKEN_OFF"
  if (error instanceof TargetRefusedError) return "TARGET_REFUSED"
  return error instanceof NameNotFoundError ? "NAME_NOT_FOUND" : "NO_CONNECTION"
}

/** Whoever reads the log gets to know what went wrong, and not which address a name led to. */
function explain(error: unknown): string {
  if (error instanceof TargetRefusedError || error instanceof NameNotFoundError) return error.message
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall !== undefined || error instanceof AggregateError) return `${syscall ?? "connect"}: ${code}`
  return describeError(error)
}

/** Stands where Node would look the host's name up: what it answers is what is connected to. */
function guardedLookup(options: {
  readonly policy: WebhookPolicy
  readonly resolve: ResolveName
}): LookupFunction {
  return (name, { all }, callback) => {
    options
      .resolve(name)
      .catch((cause: unknown) => {
        throw new NameNotFoundError(`${name} was not found`, { cause })
      })
      .then((addresses) => {
        const isRefused = addresses.some((address) => !isAllowedAddress(address, options.policy))
        if (isRefused) throw new TargetRefusedError(notPublic(name))
        const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
        const [first] = found
        if (first === undefined) throw new NameNotFoundError(`${name} has no address`)
        if (all === true) callback(null, found)
        else callback(null, first.address, first.family)
      })
      .catch((error: unknown) => callback(error as Error, []))
  }
}

/** The beginning of a body. Of one that is longer, or that does not come, the connection is given up. */
async function readExcerpt(response: http.IncomingMessage, timeoutMs: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  const timer = setTimeout(() => response.destroy(), timeoutMs)
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      bytes += chunk.length
      // Leaving the loop destroys the response.
      if (bytes > bodyBytesMax) break
    }
  } catch {
    // The head has been read, and it alone decides: what has come of the body stands in the log.
    response.destroy()
  } finally {
    clearTimeout(timer)
  }
  return cut(Buffer.concat(chunks).subarray(0, bodyBytesMax).toString("utf8"))
}

/** As the database can hold it. */
function cut(text: string): string {
  return [...text.replaceAll("\0", "\u{fffd}")].slice(0, excerptMax).join("")
}
