import { type Kysely, sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { removeOldDeliveries } from "../../../../api/webhooks/remove-old-deliveries.ts"
import { archiveEvents } from "../../../../ledger/archive/archive-events.ts"
import type { Database } from "../../../../ledger/store/database.ts"
import { makeSmallPartitions } from "../../../support/small-partitions.ts"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture } from "../../../support/webhook-fixture.ts"
import { startWebhookReceiver, type WebhookReceiver } from "../../../support/webhook-receiver.ts"

let fixture: WebhookFixture
let receiver: WebhookReceiver
let owner: Kysely<Database>
let last = 0n
beforeAll(async () => {
  fixture = await createWebhookFixture()
  receiver = await startWebhookReceiver()
  owner = fixture.api.openAsOwner()
  await makeSmallPartitions(fixture.api.database.ownerUrl, 100, 10_000)
  last = await fixture.record(20)
})
afterAll(async () => {
  await owner?.destroy()
  await fixture?.close()
  await receiver?.close()
})

/** An endpoint at position 5 that nobody delivers to. */
async function endpoint(): Promise<string> {
  return (await fixture.make(receiver.url, { after: "5" })).webhook_id
}

const insert = (id: string, position: number | null, status: string) => sql`
  INSERT INTO webhooks.deliveries (endpoint_id, position, type, status, attempts, settled_at)
  VALUES (${id}, ${position}, 'balance.adjusted', ${status}, 1, ${status === "retrying" ? null : sql`now()`})`
const move = (id: string, position: bigint) =>
  sql`UPDATE webhooks.endpoints SET cursor_position = ${position} WHERE endpoint_id = ${id}`

it("the database lets no endpoint go past what is retried, nor past the end of the log", async () => {
  const id = await endpoint()
  await insert(id, 8, "retrying").execute(owner)
  await move(id, 7n).execute(owner)
  await expect(move(id, 8n).execute(owner)).rejects.toThrow(/past a delivery that is being retried/)
  await sql`UPDATE webhooks.deliveries SET status = 'succeeded', settled_at = now() WHERE endpoint_id = ${id}`.execute(
    owner,
  )
  await move(id, 8n).execute(owner)
  await expect(move(id, last + 1n).execute(owner)).rejects.toThrow(/past the end of the log/)
  await move(id, last).execute(owner)
})

it("has one delivery of an event to an endpoint, and one that is retried", async () => {
  const id = await endpoint()
  await insert(id, 8, "retrying").execute(owner)
  await expect(insert(id, 8, "dead").execute(owner)).rejects.toThrow(/duplicate key/)
  await expect(insert(id, 9, "retrying").execute(owner)).rejects.toThrow(/deliveries_retrying/)
  await expect(insert(await endpoint(), 3, "retrying").execute(owner)).rejects.toThrow(
    /nothing there is retried/,
  )
  await expect(insert(await endpoint(), null, "retrying").execute(owner)).rejects.toThrow(/check constraint/)
})

it("keeps a success a success, and whose a delivery is", async () => {
  const id = await endpoint()
  await insert(id, 8, "succeeded").execute(owner)
  const change = (assignment: ReturnType<typeof sql>) =>
    sql`UPDATE webhooks.deliveries SET ${assignment} WHERE endpoint_id = ${id}`
  await expect(change(sql`status = 'dead'`).execute(owner)).rejects.toThrow(/cannot become dead/)
  await expect(change(sql`status = 'waiting', settled_at = NULL`).execute(owner)).rejects.toThrow(
    /cannot become waiting/,
  )
  for (const column of ["position", "endpoint_id", "type", "created_at"])
    await expect(
      change(sql`${sql.ref(column)} = ${sql.ref(column)}`).execute(fixture.api.db),
    ).rejects.toThrow(/permission denied/)
  await expect(sql`UPDATE webhooks.attempts SET excerpt = ''`.execute(fixture.api.db)).rejects.toThrow(
    /permission denied/,
  )
  await expect(sql`UPDATE webhooks.secrets SET sealed = sealed`.execute(fixture.api.db)).rejects.toThrow(
    /permission denied/,
  )
})

it("has one secret that stays, and no endpoint that is disabled without a reason", async () => {
  const id = await endpoint()
  await expect(
    sql`UPDATE webhooks.secrets SET expires_at = NULL WHERE endpoint_id = ${id}`.execute(owner),
  ).resolves.toBeDefined()
  await expect(
    sql`INSERT INTO webhooks.secrets (secret_id, endpoint_id, sealed) VALUES (gen_random_uuid(), ${id}, ${Buffer.alloc(60)})`.execute(
      owner,
    ),
  ).rejects.toThrow(/secrets_current/)
  await expect(
    sql`UPDATE webhooks.endpoints SET is_enabled = false WHERE endpoint_id = ${id}`.execute(owner),
  ).rejects.toThrow(/check constraint/)
})

it("the job queue can be used, and not its record of migrations", async () => {
  await expect(sql`DELETE FROM graphile_worker.migrations`.execute(fixture.api.db)).rejects.toThrow(
    /permission denied/,
  )
  const { rows } =
    await sql`SELECT FROM graphile_worker.add_job('nothing', '{}'::json, job_key := 'x')`.execute(
      fixture.api.db,
    )
  expect(rows).toHaveLength(1)
})

it("what ended long ago is removed, and what somebody waits for stays", async () => {
  const id = await endpoint()
  for (const [position, status] of [
    [7, "succeeded"],
    [8, "dead"],
    [9, "succeeded"],
    [10, "retrying"],
  ] as const)
    await insert(id, position, status).execute(owner)
  await sql`
    UPDATE webhooks.deliveries SET settled_at = now() - interval '31 days',
      redelivery_requested_at = CASE WHEN position = 8 THEN now() END
    WHERE endpoint_id = ${id} AND position IN (7, 8)`.execute(owner)
  const deleted = await endpoint()
  await insert(deleted, 7, "dead").execute(owner)
  await fixture.api.call("DELETE", `/api/v1/webhooks/${deleted}`)
  await removeOldDeliveries(fixture.api.db)
  const { rows } = await sql<{ position: bigint }>`
    SELECT position FROM webhooks.deliveries WHERE endpoint_id IN (${id}, ${deleted}) ORDER BY position`.execute(
    owner,
  )
  expect(rows.map(({ position }) => position)).toEqual([8n, 9n, 10n])
  const left = await sql`SELECT FROM webhooks.endpoints WHERE endpoint_id = ${deleted}`.execute(owner)
  expect(left.rows).toEqual([])
})

it("has a log that is removed page after page, as many as there are", async () => {
  const id = await endpoint()
  await sql`
    INSERT INTO webhooks.deliveries (endpoint_id, position, type, status, attempts, settled_at)
    SELECT ${id}, position, 'balance.adjusted', 'succeeded', 1, now() - interval '31 days' FROM generate_series(1, 12000) position`.execute(
    owner,
  )
  await fixture.api.call("PATCH", `/api/v1/webhooks/${id}`, { is_enabled: false })
  const worker = await fixture.run()
  const left = async () =>
    (await sql`SELECT FROM webhooks.deliveries WHERE endpoint_id = ${id}`.execute(owner)).rows.length
  // Less than until the next time that the worker looks.
  await waitUntil(async () => (await left()) === 0, {
    what: "all of it is removed",
    describe: left,
    timeoutMs: 30_000,
  })
  await worker.stop()
})

it("shows since when something waits that is in the archive by now", async () => {
  const id = await endpoint()
  const shown = await fixture.show(id)
  expect(shown.undelivered_since).not.toBeNull()
  const health = async () =>
    (await fixture.api.call("GET", "/api/v1/system/health")).body.data.webhooks.undelivered_seconds
  expect(await health()).toBeGreaterThan(0)
  await fixture.record(500)
  await archiveEvents(owner, 100n, () => undefined)
  const { rows } = await sql`SELECT FROM archive.events WHERE position = 6`.execute(owner)
  expect(rows).toHaveLength(1)
  expect((await fixture.show(id)).undelivered_since).toBe(shown.undelivered_since)
  expect(await health()).toBeGreaterThan(0)
})
