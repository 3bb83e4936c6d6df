import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { retryDelaysMs } from "../../../../api/webhooks/retry-schedule.ts"
import { findFreePort } from "../../../../cli/stack/free-port.ts"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture } from "../../../support/webhook-fixture.ts"

const root = join(import.meta.dirname, "../../../..")
let guide = ""
let directory = ""
let fixture: WebhookFixture
let backend: ChildProcess | undefined
beforeAll(async () => {
  guide = await readFile(join(root, "docs/webhooks.md"), "utf8")
  directory = await mkdtemp(join(tmpdir(), "chainbridge-guide-"))
  fixture = await createWebhookFixture()
  await fixture.run()
})
afterAll(async () => {
  backend?.kill("SIGKILL")
  await fixture?.close()
  await rm(directory, { recursive: true, force: true })
})

it("the receiver of the guide takes what it is sent, once each, and nothing else", async () => {
  const [, example] = /```ts\n(.*?)```/s.exec(guide) ?? []
  if (example === undefined) throw new Error("the guide has no example")
  const port = await findFreePort()
  const program = join(directory, "backend.ts")
  await writeFile(
    program,
    `${example
      .replace("@chainbridge/client", join(root, "client/src/index.ts"))
      .replace("listen(8080)", `listen(${port}, "127.0.0.1", () => process.send({ listening: true }))`)}
    async function handleOnce(messageId, event) { process.send({ messageId, event }) }`,
  )
  const { webhook_id, secret } = await fixture.make(`http://127.0.0.1:${port}/`)
  backend = spawn(process.execPath, [program], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { PATH: process.env["PATH"], WEBHOOK_SECRET: secret },
  })
  const handled: { messageId: string; event: { id: string } }[] = []
  backend.on("message", (message) => handled.push(message as (typeof handled)[number]))
  await once(backend, "message")
  const last = await fixture.record(10)
  await fixture.whenThrough(webhook_id, last)
  await waitUntil(() => Promise.resolve(handled.at(-1)?.event?.id === last.toString()), {
    what: "all are handled",
  })
  const messages = handled.filter(({ messageId }) => messageId !== undefined)
  expect(new Set(messages.map(({ messageId }) => messageId)).size).toBe(messages.length)
  const headers = { "webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" }
  const forged = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body: "{}" })
  expect(forged.status).toBe(400)
})

it("what the guide has registered can be registered", async () => {
  const [, body = ""] = /-d '(\{.*?\})'/.exec(guide) ?? []
  const { status } = await fixture.api.call("POST", "/api/v1/webhooks", {
    ...JSON.parse(body),
    is_enabled: false,
  })
  expect(status).toBe(200)
})

it("the table of the guide is the schedule", () => {
  const words = { seconds: 1_000, minutes: 60_000, hours: 3_600_000 } as const
  const rows = [...guide.matchAll(/^\| ([\d, ]+) \| (\d+) (seconds|minutes|hours)(?: each)? \|$/gm)]
  const waits = rows.flatMap(([, attempts = "", count, word]) =>
    attempts.split(",").map(() => Number(count) * words[word as keyof typeof words]),
  )
  expect(waits).toEqual(retryDelaysMs)
})
