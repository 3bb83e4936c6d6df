import { createParser } from "eventsource-parser"
import type { LiveEvent } from "../../api/presenters/live-event.ts"

export type EventStreamReader = {
  readonly status: number
  readonly headers: Headers
  /** What has come, in its order. */
  readonly events: readonly LiveEvent[]
  /** As a browser keeps it, heartbeats included. */
  readonly lastEventId: string | undefined
  /** Resolves when the stream is over, whoever ended it. */
  readonly ended: Promise<void>
  /** Waits until so many events have come. */
  until(count: number): Promise<readonly LiveEvent[]>
  /** Cuts the connection. */
  cut(): void
}

/** Reads Server-Sent Events as a browser's EventSource does, without its reconnects. */
export async function readEventStream(
  url: string,
  options: { readonly apiKey: string; readonly lastEventId?: string | undefined },
): Promise<EventStreamReader> {
  const abort = new AbortController()
  const response = await fetch(url, {
    headers: {
      authorization: `Bearer ${options.apiKey}`,
      accept: "text/event-stream",
      ...(options.lastEventId === undefined ? {} : { "last-event-id": options.lastEventId }),
    },
    signal: abort.signal,
  })
  const events: LiveEvent[] = []
  let lastEventId = options.lastEventId
  let isOver = false
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const each of waiting) each()
  }
  const parser = createParser({
    onEvent({ data, event, id }) {
      if (id !== undefined) lastEventId = id
      const live = JSON.parse(data) as LiveEvent
      if (live.id !== id || live.type !== event) throw new Error(`${id} ${event} is said of ${data}`)
      events.push(live)
      wake()
    },
    onComment: () => wake(),
  })

  async function read(): Promise<void> {
    const decoder = new TextDecoder()
    if (response.body === null) return
    try {
      for await (const chunk of response.body) {
        const text = decoder.decode(chunk, { stream: true })
        // The parser passes no id on that comes without data; a browser keeps it.
        for (const [, id] of text.matchAll(/^id: (\d+)\n: /gm)) lastEventId = id
        parser.feed(text)
      }
    } catch {
      // Cut off, by us or by the server.
    }
    isOver = true
    wake()
  }

  return {
    status: response.status,
    headers: response.headers,
    events,
    get lastEventId() {
      return lastEventId
    },
    ended: read(),
    async until(count) {
      while (events.length < count) {
        if (isOver) throw new Error(`the stream is over after ${events.length} of ${count} events`)
        await new Promise<void>((resolve) => {
          const done = () => {
            waiting.delete(done)
            resolve()
          }
          waiting.add(done)
        })
      }
      return events
    },
    cut: () => abort.abort(),
  }
}
