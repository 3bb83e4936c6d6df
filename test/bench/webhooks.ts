// `npm run bench:webhooks`: how fast a backlog is delivered, and how long an event takes to its receiver, alone and beside receivers that never answer.
import { type ChildProcess, fork } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { createWebhook } from "../../api/webhooks/webhook-store.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createSecretBox } from "../../platform/secret-box.ts"
import { fillLedger } from "../support/fill-ledger.ts"
import type { WebhookProcessOptions } from "../support/webhook-process.ts"
import { startBenchCluster } from "./bench-cluster.ts"

const backlog = 10_000
const hangingMax = 100
const liveEvents = 1_000
const perSecond = 50

/** When, by the clock of this machine, each message came, and when its event was recorded. */
type Arrival = { readonly atMs: number; readonly recordedMs: number }

await main()

async function main(): Promise<void> {
  const cluster = await startBenchCluster()
  const servers: Server[] = []
  let worker: ChildProcess | undefined
  try {
    console.log(`${await cluster.describe()}\n`)
    const { appUrl, ledgers, tokenId } = await cluster.createDatabase("webhooks")
    const ledgerId = ledgers[0]?.ledgerId ?? ""
    const db = createKysely<Database>(
      createPool({ databaseUrl: appUrl, applicationName: "bench-webhooks", connectionsMax: 4 }),
    )
    const writerPool = createWriterPool({ databaseUrl: appUrl, applicationName: "bench-webhooks" })
    const ledger = { db, writerPool, ledgerId, tokenId }
    await db
      .insertInto("registry.webhook_policy")
      .values({
        allow_http: true,
        allowed_targets: ["127.0.0.0/8"],
        disable_after_ms: 10n ** 9n,
        log_kept_ms: 10n ** 9n,
      })
      .execute()
    const secretKey = randomBytes(32)
    const box = createSecretBox([secretKey])

    async function receive(isHanging: boolean): Promise<{ url: string; arrivals: Arrival[] }> {
      const arrivals: Arrival[] = []
      const server = createServer((request, response) => {
        let text = ""
        request.on("data", (chunk: Buffer) => {
          text += chunk.toString()
        })
        request.on("end", () => {
          if (isHanging) return
          arrivals.push({
            atMs: Date.now(),
            recordedMs: Date.parse((JSON.parse(text) as { time: string }).time),
          })
          response.writeHead(204).end()
        })
      })
      servers.push(server)
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, arrivals }
    }

    const actor = { ledgerId, initiator: { actor: "command:bench", requestId: null, address: null } }
    async function make(url: string, after: bigint | null): Promise<void> {
      const filter = { types: null, userId: null, tokenSymbol: null, chainId: null }
      const settings = { url, description: "", isEnabled: true, ...filter }
      await createWebhook(db, box, actor, settings, { after, webhooksMax: 1_000 })
    }

    async function whenArrived(arrivals: readonly Arrival[], count: number): Promise<void> {
      while (arrivals.length < count) await sleep(10)
    }

    async function rateOf(endpoints: number, after: bigint, count: number): Promise<number> {
      const receivers = await Promise.all(Array.from({ length: endpoints }, () => receive(false)))
      const beganMs = performance.now()
      for (const { url } of receivers) await make(url, after)
      await Promise.all(receivers.map(({ arrivals }) => whenArrived(arrivals, count)))
      const rate = (endpoints * count) / ((performance.now() - beganMs) / 1_000)
      await db
        .updateTable("webhooks.endpoints")
        .set({ is_enabled: false, disabled_because: "request", disabled_at: new Date() })
        .where("is_enabled", "=", true)
        .execute()
      return rate
    }

    async function latencies(): Promise<string> {
      const { url, arrivals } = await receive(false)
      await make(url, null)
      for (let event = 0; event < liveEvents; event += 1) {
        const next = sleep(1_000 / perSecond)
        await fillLedger(ledger, 1)
        await next
      }
      await whenArrived(arrivals, liveEvents)
      const waits = arrivals.map(({ atMs, recordedMs }) => atMs - recordedMs).sort((a, b) => a - b)
      const at = (share: number) => waits[Math.floor(waits.length * share)] ?? Number.NaN
      return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${waits.at(-1)} ms`
    }

    await fillLedger(ledger, backlog)
    const { position } = await db
      .selectFrom("ledger.head")
      .select("position")
      .where("ledger_id", "=", ledgerId)
      .executeTakeFirstOrThrow()
    const options: WebhookProcessOptions = {
      databaseUrl: appUrl,
      secretKey: secretKey.toString("hex"),
      leaseMs: 40_000,
      attemptMs: 15_000,
    }
    worker = fork(join(import.meta.dirname, "../support/webhook-process.ts"), [], {
      env: { ...process.env, TEST_WEBHOOKS: JSON.stringify(options) },
    })
    await once(worker, "message")
    console.log(
      `one endpoint with ${backlog} behind it: ${(await rateOf(1, position - BigInt(backlog), backlog)).toFixed(0)} a second`,
    )
    console.log(
      `twenty with 1000 each: ${(await rateOf(20, position - 1_000n, 1_000)).toFixed(0)} a second together`,
    )
    console.log(`at ${perSecond} events a second, alone: ${await latencies()}`)
    for (let each = 0; each < hangingMax; each += 1) await make((await receive(true)).url, null)
    console.log(`beside ${hangingMax} that never answer: ${await latencies()}`)
    await writerPool.end()
    await db.destroy()
  } finally {
    worker?.kill("SIGKILL")
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
    await cluster.close()
  }
}
