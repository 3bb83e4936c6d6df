import type { WrittenEvent } from "../presenters/live-event.ts"
import type { LiveSink, LiveSubscription } from "./live-subscription.ts"
import { createReaderRoom } from "./reader-room.ts"

const reconnectMs = 1_000

/**
 * A body of Server-Sent Events, for as long as its reader takes it. What waits for him is bounded: beyond that the subscription goes on when he has room.
 * @param options.after the id that a reader who is cut off before his first event resumes from
 * @param options.onHeartbeat called with every heartbeat; whether the stream goes on
 * @param options.onStall called when the reader has taken nothing for too long: he is to be cut off
 * @param options.onEnd called once, however it ends
 * @returns the body, and what ends it as if there were no more events: a client then connects anew
 */
export function createEventStream(options: {
  readonly after: bigint
  readonly subscribe: (sink: LiveSink) => LiveSubscription
  readonly bufferBytes: number
  readonly heartbeatMs: number
  readonly stallMs: number
  readonly onHeartbeat: () => Promise<boolean>
  readonly onStall: () => void
  readonly onEnd: () => void
}): { readonly body: ReadableStream<Uint8Array>; end(): void } {
  const encoder = new TextEncoder()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let subscription: LiveSubscription | undefined
  let heartbeat: NodeJS.Timeout | undefined
  let isOver = false

  const hasRoom = (): boolean => isOver || (controller?.desiredSize ?? 0) > 0
  const room = createReaderRoom(hasRoom)

  function write(text: string): boolean {
    if (isOver) return false
    controller?.enqueue(encoder.encode(text))
    return hasRoom()
  }

  function release(): void {
    if (isOver) return
    isOver = true
    clearInterval(heartbeat)
    subscription?.close()
    room.found()
    options.onEnd()
  }

  function end(): void {
    if (isOver) return
    release()
    controller?.close()
  }

  async function beat(): Promise<void> {
    if (room.fullSinceMs !== undefined && performance.now() - room.fullSinceMs >= options.stallMs) {
      release()
      options.onStall()
      return
    }
    // Also of a reader who is full: he may take just enough to be so at every heartbeat.
    if (!(await options.onHeartbeat())) return end()
    // With the position that was reached: who sees few events would otherwise resume far back.
    if (room.fullSinceMs === undefined)
      write(`id: ${subscription?.position ?? options.after}\n: heartbeat\n\n`)
  }

  const body = new ReadableStream<Uint8Array>(
    {
      start(given) {
        controller = given
        write(`retry: ${reconnectMs}\nid: ${options.after}\n: connected\n\n`)
        subscription = options.subscribe({
          send: (event) => write(frameOf(event)),
          whenRoom: room.whenRoom,
        })
        heartbeat = setInterval(() => void beat().catch(end), options.heartbeatMs)
      },
      pull: room.found,
      cancel: release,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: options.bufferBytes }),
  )
  return { body, end }
}

function frameOf({ id, type, json }: WrittenEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${json}\n\n`
}
