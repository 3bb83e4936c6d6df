import { randomBytes } from "node:crypto"
import { appendFileSync, chmodSync, cpSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { privateKeyToAddress } from "viem/accounts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { startPostgresCluster } from "../../cli/stack/postgres-cluster.ts"
import { type Guard, startGuard } from "../../cli/stack/start-guard.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"
import {
  isHealthy,
  readComposition,
  runService,
  type Service,
  type ServiceProcess,
} from "../support/composition.ts"
import { waitUntil } from "../support/wait-until.ts"

let guard: Guard
let anvil: Anvil
let services: Record<string, Service>
let apiUrl: string
let key: string
let directory: string
const running = new Map<string, ServiceProcess>()

const service = (name: string): Service => {
  const found = services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-composition-"))
  chmodSync(directory, 0o700)
  guard = await startGuard()
  guard.removeAtEnd(directory)
  const passwords = {
    POSTGRES_PASSWORD: randomBytes(12).toString("hex"),
    CHAINBRIDGE_APP_PASSWORD: randomBytes(12).toString("hex"),
    CHAINBRIDGE_INDEXER_PASSWORD: randomBytes(12).toString("hex"),
  }
  const cluster = await startPostgresCluster({
    guard,
    directory: join(directory, "postgres"),
    port: await findFreePort(),
    password: passwords.POSTGRES_PASSWORD,
    logFile: join(directory, "postgres.log"),
  })
  const admin = new pg.Client({ connectionString: cluster.adminUrl })
  await admin.connect()
  await admin.query("CREATE DATABASE chainbridge")
  await admin.end()

  anvil = await startAnvil({ args: ["--block-time", "1"] })
  const signerKey = `0x${randomBytes(32).toString("hex")}` as const
  // What the faucet of the composition does with foundry's own program.
  await callJsonRpc(anvil.rpcUrl, "anvil_setBalance", [
    privateKeyToAddress(signerKey),
    "0x21e19e0c9bab2400000",
  ])

  const apiPort = String(await findFreePort())
  const indexerPort = String(await findFreePort())
  apiUrl = `http://127.0.0.1:${apiPort}`
  services = readComposition(
    { ...passwords, SIGNER_PRIVATE_KEY: signerKey },
    {
      "postgres:5432": `127.0.0.1:${cluster.port}`,
      "http://anvil:8545": anvil.rpcUrl,
      "3000": apiPort,
      "42069": indexerPort,
      "/data": join(directory, "data"),
      "0.0.0.0": "127.0.0.1",
    },
  )
})
afterAll(async () => {
  await Promise.all([...running.values()].map((process) => process.stop()))
  await anvil?.stop()
  await guard?.close()
})

async function finish(name: string, ...args: string[]): Promise<string> {
  const process = runService(service(name), ...args)
  expect([await process.ended, process.output()]).toEqual([0, expect.any(String)])
  return process.output()
}

async function call(path: string, body?: unknown): Promise<readonly [number, unknown]> {
  const answer = await fetch(`${apiUrl}/api/v1${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return [answer.status, await answer.json()]
}

const adjust = (reason: string) =>
  call("/balance/adjust", {
    adjustments: [{ user_id: "ada", token_symbol: "CPOP", amount: "+12.5", reason_type: reason }],
  })

const roles = ["api", "worker", "batcher", "indexer"]

describe("docker-compose.yml", () => {
  test("prepares an empty database and a new chain, and does nothing the second time", async () => {
    expect(await finish("migrate")).toMatch(/^applied 001-registry.*\nusers chainbridge_app_login and /)
    expect(await finish("migrate")).toMatch(/^nothing to do\n/)
    expect(await finish("configure")).toMatch(/^applied to 1 chain, \d+ reasons: \S+\n$/)
    const before = await callJsonRpc(anvil.rpcUrl, "eth_getTransactionCount", [await deployer(), "latest"])
    expect(await finish("configure")).toMatch(/^applied to 1 chain, \d+ reasons: \S+\n$/)
    expect(await callJsonRpc(anvil.rpcUrl, "eth_getTransactionCount", [await deployer(), "latest"])).toBe(
      before,
    )
  })

  test("starts every role alone, and its health checks agree", async () => {
    for (const role of roles) {
      expect(Object.keys(service(role).depends_on)).toEqual(["configure"])
      running.set(role, runService(service(role)))
    }
    for (const role of ["api", "indexer"]) {
      await waitUntil(() => isHealthy(service(role)), {
        what: `${role} is healthy`,
        timeoutMs: 60_000,
        describe: () => Promise.resolve(running.get(role)?.output()),
      })
    }
  })

  test("lets a new key in, and a new reason once it is applied", async () => {
    key = (await finish("chainbridge", "keys", "create", "--app", "shop")).trim()
    expect((await adjust("gift"))[0]).toBe(422)
    const files = join(directory, "config")
    cpSync(join(import.meta.dirname, "..", "..", "config"), files, { recursive: true })
    appendFileSync(
      join(files, "reason_registry.yaml"),
      "  gift: { description: A gift, allowed_metadata: [], business_type: reward }\n",
    )
    await finish("chainbridge", "config", "apply", "--config-dir", files)
    await waitUntil(async () => (await adjust("gift"))[0] === 200, {
      what: "gift is a reason",
      timeoutMs: 5_000,
    })
  })

  test("settles and confirms a change, at once because of a flush", async () => {
    const [status, recorded] = await adjust("reward")
    expect([status, recorded]).toMatchObject([200, { data: { status: "recorded" } }])

    // The files' strategy would let it wait for a quarter of an hour.
    expect(await finish("chainbridge", "flush", "--token", "CPOP")).toBe(
      "asked 1 lane to settle what waits\n",
    )
    const { operation_id: operationId } = (recorded as { data: { operation_id: string } }).data
    await waitUntil(
      async () => {
        const [, found] = await call(`/operations/${operationId}`)
        return JSON.stringify(found).includes('"confirmed"')
      },
      {
        what: "the change is confirmed",
        timeoutMs: 60_000,
        describe: () =>
          Promise.resolve([...running].map(([role, process]) => [role, process.output().slice(-1_500)])),
      },
    )
    expect(await finish("chainbridge", "verify")).toMatch(/^ok shop /)
    const refused = runService(service("chainbridge"), "flush", "--token", "NONE")
    expect([await refused.ended, refused.output()]).toEqual([1, "chainbridge: there is no token NONE\n"])
  })

  test("SIGTERM ends every role cleanly", async () => {
    for (const role of roles) {
      expect([role, await running.get(role)?.stop()]).toEqual([role, 0])
      running.delete(role)
    }
  })
})

async function deployer(): Promise<string> {
  return privateKeyToAddress(service("batcher").environment["SIGNER_PRIVATE_KEY"] as `0x${string}`)
}
