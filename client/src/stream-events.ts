import { createAttemptSignal } from "./attempt-signal.ts"
import { ChainBridgeError } from "./chain-bridge-error.ts"
import { createEventParser } from "./event-parser.ts"
import { pause } from "./pause.ts"
import { persist } from "./persist.ts"
import type { Transport } from "./transport.ts"
import type { CallOptions, LiveEvent } from "./types.ts"

export type StreamOptions = CallOptions & {
  readonly user_id?: string
  readonly token_symbol?: string
  readonly chain_id?: number
  readonly types?: readonly LiveEvent["type"][]
  /** Begins behind this position: the `id` of an event, or the `position` of a write's answer. With what happens from now on, unless given. */
  readonly after?: string
  /** Called with each position up to which everything was seen, also where there was no event for this stream: keep it to go on from there in another process. */
  readonly onPosition?: (position: string) => void
  /** After so much silence the connection counts as dead: 45 s, unless given. The API lets hear from itself every 15. */
  readonly silenceMs?: number
  /** How long the API may be out of reach until the stream gives up: 10 minutes, unless given. */
  readonly patienceMs?: number
}

const reconnectMs = 1_000

/** Live events, each once and in order, over as many connections as it takes. */
export async function* streamEvents(
  transport: Transport,
  options: StreamOptions,
): AsyncGenerator<LiveEvent, void, undefined> {
  const { signal, onPosition, silenceMs = 45_000, patienceMs = 600_000 } = options
  const { user_id, token_symbol, chain_id, types } = options
  const filter = { user_id, token_symbol, chain_id, types: types?.join(",") }
  const bounds = {
    attemptsMax: Number.POSITIVE_INFINITY,
    deadlineMs: patienceMs,
    backoffMs: 500,
    backoffMaxMs: 15_000,
    // For as long as there is patience, somebody looks whether it is over earlier.
    retryAfterMaxMs: 60_000,
  }
  let position = options.after

  for (;;) {
    const connection = await persist(() => connect(position), bounds, { signal })
    try {
      for await (const { id, data } of connection.events) {
        if (data !== null) yield JSON.parse(data) as LiveEvent
        if (id === null) continue
        // Only once the caller is done with the event: a position that he keeps says what he has dealt with.
        position = id
        onPosition?.(id)
      }
    } finally {
      connection.close()
    }
    await pause(reconnectMs * (0.5 + Math.random() / 2), signal)
  }

  async function connect(after: string | undefined) {
    const attempt = createAttemptSignal(transport.timeoutMs, signal)
    try {
      const response = await transport.open("/stream", {
        // In both places: what stands between may drop a header that it does not know.
        query: { ...filter, after },
        headers: {
          accept: "text/event-stream",
          ...(after === undefined ? {} : { "last-event-id": after }),
        },
        cache: "no-store",
        signal: attempt.signal,
      })
      const type = response.headers.get("content-type") ?? ""
      if (response.body === null || !type.startsWith("text/event-stream"))
        throw new ChainBridgeError(`what came is no stream of events but ${type}`, {
          code: "UNREADABLE_ANSWER",
        })
      attempt.restart(silenceMs)
      return {
        events: readEvents(response.body, () => attempt.restart(silenceMs)),
        close() {
          attempt.release()
          attempt.abort()
        },
      }
    } catch (error) {
      attempt.release()
      attempt.abort()
      throw error
    }
  }

  /** Ends with the connection, however that ends. @throws the reason of the caller's signal */
  async function* readEvents(body: ReadableStream<Uint8Array>, heard: () => void) {
    const reader = body.getReader()
    const decoder = new TextDecoder()
    const parser = createEventParser()
    for (;;) {
      const { done, value } = await reader.read().catch(lost)
      if (done) return
      heard()
      yield* parser.feed(decoder.decode(value, { stream: true }))
    }
  }

  function lost(): { done: true; value: undefined } {
    signal?.throwIfAborted()
    return { done: true, value: undefined }
  }
}
