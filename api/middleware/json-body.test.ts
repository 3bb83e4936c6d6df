import { Hono } from "hono"
import { expect, it } from "vitest"
import type { ApiEnv } from "../api-env.ts"
import { readJsonBody } from "./json-body.ts"

const limits = { bodyBytesMax: 50_000, bodyDepthMax: 32, bodyTimeoutMs: 5_000 }

/** Sends a body whose length nobody has said, a byte at a time, and each of them in the same piece of memory. */
async function send(text: string): Promise<unknown> {
  const app = new Hono<ApiEnv>().post("/", async (context) =>
    context.json(await readJsonBody(context, limits, false)),
  )
  const bytes = Buffer.from(text)
  const piece = new Uint8Array(1)
  let sent = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent === bytes.length) return controller.close()
        piece[0] = bytes[sent] ?? 0
        sent += 1
        controller.enqueue(piece)
      },
    },
    { highWaterMark: 0 },
  )
  const headers = { "content-type": "application/json" }
  const response = await app.request("/", { method: "POST", headers, body, duplex: "half" } as RequestInit)
  return response.json()
}

it("keeps the bytes of a body, and none of the pieces that it comes in", async () => {
  const json = { text: "é".repeat(20_000) }
  expect(await send(JSON.stringify(json))).toEqual({ json })
})

it("refuses a body as soon as it is too long", async () => {
  expect(await send(JSON.stringify({ text: "x".repeat(60_000) }))).toMatchObject({
    refused: "PAYLOAD_TOO_LARGE",
  })
})
