// `npm run bench:identity`: what finding out who calls takes of a request, and what a guess of a password costs.
import { randomBytes } from "node:crypto"
import { Context } from "hono"
import type { ApiEnv } from "../../api/api-env.ts"
import { createApi } from "../../api/app.ts"
import { createPasswords } from "../../api/identity/passwords.ts"
import { createPerson } from "../../api/identity/person-store.ts"
import { signIn } from "../../api/identity/sign-in.ts"
import { authenticate } from "../../api/middleware/authenticate.ts"
import { createServices, type Services } from "../../api/services.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { percentile } from "../demo/percentile.ts"
import { loadText, startBenchCluster } from "./bench-cluster.ts"

const rounds = 15
const callsOfRound = 2_000
const guesses = 10

const cluster = await startBenchCluster()
const database = await cluster.createDatabase("identity")
const pool = createPool({ databaseUrl: database.appUrl, applicationName: "bench", connectionsMax: 4 })
const db = createKysely<Database>(pool)
const writerPool = createWriterPool({ databaseUrl: database.appUrl, applicationName: "bench" })
const apiContext = {
  ...{ db, writerPool, logger: createLogger("api", "silent"), host: "127.0.0.1", port: 0, version: "bench" },
  identity: { tokenSecrets: [randomBytes(32)] },
}
const services = createServices(apiContext)
const app = createApi(apiContext, services)
try {
  console.log(await cluster.describe())
  const key = { authorization: `Bearer ${database.ledgers[0]?.apiKey}` }
  const person = await signInSomebody(services)
  // The cheapest route there is: of any other the share is smaller.
  const request = async () => {
    const response = await app.request("/api/v1/reasons", { headers: key })
    await response.text()
  }
  const rows = [
    [
      "a request and its context, which each call below makes",
      await measure(() => Promise.resolve(void contextOf(key))),
    ],
    ["finding out who calls, by a key", await measure(() => check(key))],
    ["by an access token", await measure(() => check(person))],
    ["a request for the reasons, without a network", await measure(request)],
  ] as const
  for (const [name, { p50, p95 }] of rows)
    console.log(`${name.padEnd(54)} p50 ${p50.toFixed(2)} µs, p95 ${p95.toFixed(2)} µs of ${rounds} rounds`)
  const [[, made], [, byKey], , [, whole]] = rows
  const share = (100 * (byKey.p50 - made.p50)) / whole.p50
  console.log(`a key's share of that request: ${share.toFixed(1)} %`)
  const passwords = createPasswords()
  const stored = await passwords.hash("correct horse battery staple")
  const taken: number[] = []
  for (let guess = 0; guess < guesses; guess += 1) {
    const began = performance.now()
    await passwords.verify(stored, "wrong")
    taken.push(performance.now() - began)
  }
  console.log(`a guess of a password, ${stored.slice(0, 31)}: p50 ${percentile(taken, 0.5)?.toFixed(0)} ms`)
  console.log(`load average after ${loadText()}`)
} finally {
  await services.stop()
  await writerPool.end()
  await pool.end()
  await cluster.close()
}

async function check(headers: Record<string, string>): Promise<void> {
  const refusal = await authenticate(contextOf(headers), services, "registry.read")
  if (refusal !== undefined) throw new Error(refusal.errors[0]?.message)
}

function contextOf(headers: Record<string, string>): Context<ApiEnv> {
  return new Context<ApiEnv>(new Request("http://127.0.0.1/api/v1/reasons", { headers }))
}

/** Microseconds of processor time of one call, on the average of each round: whatever else the machine does is left out. */
async function measure(call: () => Promise<void>): Promise<{ readonly p50: number; readonly p95: number }> {
  const taken: number[] = []
  for (let round = -3; round < rounds; round += 1) {
    const before = process.cpuUsage()
    for (let count = 0; count < callsOfRound; count += 1) await call()
    const { user, system } = process.cpuUsage(before)
    if (round >= 0) taken.push((user + system) / callsOfRound)
  }
  return { p50: percentile(taken, 0.5) ?? 0, p95: percentile(taken, 0.95) ?? 0 }
}

async function signInSomebody({ identity }: Services): Promise<Record<string, string>> {
  const credentials = { email: "ann@example.com", password: "correct horse battery staple" }
  const passwordHash = (await identity?.passwords.hash(credentials.password)) ?? null
  const appId = (await db.selectFrom("registry.apps").select("app_id").executeTakeFirstOrThrow()).app_id
  const from = { requestId: "bench", address: null }
  await createPerson(
    db,
    {
      ...{ email: credentials.email, name: "", invitation: null, passwordHash },
      grants: [{ role: "analyst", appId }],
    },
    { ...from, actor: "command:bench" },
  )
  const session = await signIn(services, { ...credentials, newPassword: undefined }, from)
  if ("refused" in session) throw new Error(session.errors[0]?.message)
  return { authorization: `Bearer ${session.accessToken}` }
}
