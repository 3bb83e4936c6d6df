// `npm run bench:append-orders`: what an order of all events costs. The same small append on one PostgreSQL, kept in order by different means, in turns.
import { mkdtempSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { createHistogram } from "node:perf_hooks"
import pg from "pg"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { startPostgresCluster } from "../../cli/stack/postgres-cluster.ts"
import { startGuard } from "../../cli/stack/start-guard.ts"

const connections = 16
const accounts = 500
const rounds = 3
const roundMs = 1_500

/** One way to append; answers how many events it recorded. A serialisation failure is counted and tried again. */
type Order = {
  readonly name: string
  append(client: pg.Client, accountIds: readonly number[]): Promise<void>
}

const run = (client: pg.Client, name: string, text: string, values: readonly unknown[] = []) =>
  client.query({ name, text, values: [...values] })
const begin = (client: pg.Client) => client.query("BEGIN")
const readHead = "SELECT position, hash FROM head WHERE id = 1"

/** Everything that follows the lock, for any number of events: the same in each way that has a head. */
async function appendBehindHead(
  client: pg.Client,
  lock: string,
  accountIds: readonly number[],
): Promise<void> {
  const { rows } = await run(client, lock === "" ? "read-head" : "lock-head", `${readHead}${lock}`)
  const position = Number(rows[0]?.position)
  await run(client, "balances", "SELECT id, amount FROM balances WHERE id = ANY($1::int[])", [accountIds])
  await run(
    client,
    "events",
    "INSERT INTO events SELECT $1::bigint + i, a, sha256(int8send(i)) FROM unnest($2::int[]) WITH ORDINALITY AS u(a, i)",
    [position, accountIds],
  )
  const sorted = [...new Set(accountIds)].sort((a, b) => a - b)
  await run(client, "store", "UPDATE balances SET amount = amount + 1 WHERE id = ANY($1::int[])", [sorted])
  await run(client, "move", "UPDATE head SET position = $1, hash = sha256(hash) WHERE id = 1", [
    position + accountIds.length,
  ])
  await client.query("COMMIT")
}

const orders: readonly Order[] = [
  {
    name: "locked head row, a group of 16 in a transaction",
    async append(client, accountIds) {
      await begin(client)
      await appendBehindHead(client, " FOR NO KEY UPDATE", accountIds)
    },
  },
  {
    name: "locked head row",
    async append(client, accountIds) {
      await begin(client)
      await appendBehindHead(client, " FOR NO KEY UPDATE", accountIds)
    },
  },
  {
    name: "advisory lock, then the head row",
    async append(client, accountIds) {
      await begin(client)
      await run(client, "advisory", "SELECT pg_advisory_xact_lock(1)")
      await appendBehindHead(client, "", accountIds)
    },
  },
  {
    name: "serializable, tried again",
    async append(client, accountIds) {
      await client.query("BEGIN ISOLATION LEVEL SERIALIZABLE")
      await appendBehindHead(client, "", accountIds)
    },
  },
  {
    name: "account locks and a sequence: gaps, no chain",
    async append(client, accountIds) {
      await begin(client)
      await run(client, "account", "SELECT amount FROM balances WHERE id = $1 FOR NO KEY UPDATE", accountIds)
      await run(
        client,
        "event",
        "INSERT INTO events VALUES (nextval('positions'), $1, sha256(''))",
        accountIds,
      )
      await run(client, "change", "UPDATE balances SET amount = amount + 1 WHERE id = $1", accountIds)
      await client.query("COMMIT")
    },
  },
]

const directory = mkdtempSync(join(tmpdir(), "chainbridge-bench-"))
const guard = await startGuard()
guard.removeAtEnd(directory)
try {
  const { adminUrl } = await startPostgresCluster({
    guard,
    directory: join(directory, "postgres"),
    port: await findFreePort(),
    password: "bench",
    logFile: join(directory, "postgres.log"),
  })
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({ connectionString: adminUrl })
      await client.connect()
      return client
    }),
  )
  await clients[0]?.query(`
    CREATE TABLE head (id int PRIMARY KEY, position bigint NOT NULL, hash bytea NOT NULL);
    CREATE TABLE events (position bigint PRIMARY KEY, account_id int NOT NULL, hash bytea NOT NULL);
    CREATE TABLE balances (id int PRIMARY KEY, amount numeric NOT NULL) WITH (fillfactor = 70);
    CREATE SEQUENCE positions;
    INSERT INTO head VALUES (1, 0, sha256(''));
    INSERT INTO balances SELECT i, 0 FROM generate_series(0, ${accounts - 1}) AS i`)
  const best = new Map<string, Record<string, number>>()
  for (let round = 0; round < rounds; round += 1) {
    for (const order of orders) {
      await clients[0]?.query("TRUNCATE events; UPDATE head SET position = 0")
      await clients[0]?.query("ALTER SEQUENCE positions RESTART")
      const measured = await measure(order, clients)
      if ((measured["per_second"] ?? 0) > (best.get(order.name)?.["per_second"] ?? -1))
        best.set(order.name, measured)
    }
  }
  console.table(Object.fromEntries(best))
  console.log(`best of ${rounds} rounds of ${roundMs} ms, ${connections} connections, ${accounts} accounts`)
  console.log(
    `load average ${loadavg()
      .map((load) => load.toFixed(2))
      .join(" ")}`,
  )
  await Promise.all(clients.map((client) => client.end()))
} finally {
  await guard.close()
}

async function measure(order: Order, clients: readonly pg.Client[]): Promise<Record<string, number>> {
  const isGroup = order === orders[0]
  const latencyUs = createHistogram()
  let events = 0
  let retries = 0
  const began = performance.now()
  const workers = (isGroup ? clients.slice(0, 1) : clients).map(async (client, worker) => {
    for (let turn = worker; performance.now() - began < roundMs; turn += connections) {
      const ids = Array.from({ length: isGroup ? connections : 1 }, (_, i) => ((turn + i) * 7_919) % accounts)
      const at = performance.now()
      while (!(await attempt(order, client, ids))) retries += 1
      latencyUs.record(Math.max(1, Math.round((performance.now() - at) * 1_000)))
      events += ids.length
    }
  })
  await Promise.all(workers)
  return {
    per_second: Math.round((events / (performance.now() - began)) * 1_000),
    p50_ms: latencyUs.percentile(50) / 1_000,
    p99_ms: latencyUs.percentile(99) / 1_000,
    retries_per_event: Math.round((retries / events) * 100) / 100,
  }
}

/** @returns false when the transaction lost against another and has to be tried again */
async function attempt(order: Order, client: pg.Client, accountIds: readonly number[]): Promise<boolean> {
  try {
    await order.append(client, accountIds)
    return true
  } catch (error) {
    await client.query("ROLLBACK")
    if ((error as { code?: unknown }).code !== "40001" && (error as { code?: unknown }).code !== "23505")
      throw error
    return false
  }
}
