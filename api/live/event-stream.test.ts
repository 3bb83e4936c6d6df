import { expect, it } from "vitest"
import { createEventStream } from "./event-stream.ts"
import type { LiveSink } from "./live-subscription.ts"

it("a reader who is full at every heartbeat is asked for his key all the same", async () => {
  let asked = 0
  const ended = Promise.withResolvers<void>()
  const { body } = createEventStream({
    after: 0n,
    bufferBytes: 10,
    heartbeatMs: 10,
    stallMs: 60_000,
    subscribe(sink: LiveSink) {
      sink.send({ id: "1", type: "balance.adjusted", json: "x".repeat(100) })
      void sink.whenRoom()
      return { position: 1n, close: () => undefined }
    },
    onHeartbeat: async () => {
      asked += 1
      return asked < 3
    },
    onStall: () => expect.unreachable(),
    onEnd: ended.resolve,
  })
  await ended.promise
  expect(asked).toBe(3)
  await body.cancel()
})
