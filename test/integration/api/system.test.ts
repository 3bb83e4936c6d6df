import { createHash, randomUUID } from "node:crypto"
import { request as httpRequest } from "node:http"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { fullPath } from "../../../api/full-path.ts"
import { routes } from "../../../api/routes.ts"
import { encodeEvent, genesisHash, hashDetails } from "../../../ledger/domain/event-encoding.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi({
    rpc: {
      headBlock: () => Promise.resolve(100n),
      isDeployed: () => Promise.resolve(true),
      balanceOf: () => Promise.resolve({ amountBaseUnits: 0n, blockNumber: 100n }),
    },
  })
  for (let index = 0; index < 30; index += 1) await api.fund("ann", String(index + 1))
})
afterAll(() => api.close())

const get = (path: string, headers?: Record<string, string>) => api.call("GET", path, undefined, headers)

/** As it comes over the wire, without fetch's decompression. */
function raw(
  path: string,
  headers: Record<string, string>,
): Promise<{ encoding: string | undefined; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const url = new URL(path, api.server.url)
    httpRequest(url, { headers: { authorization: `Bearer ${api.apiKey}`, ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () =>
        resolve({ encoding: response.headers["content-encoding"], bytes: Buffer.concat(chunks) }),
      )
    })
      .on("error", reject)
      .end()
  })
}

describe("a read", () => {
  const path = "/api/v1/balance/ann/history"

  it("answers 304 to whoever has it, and again in full when it has changed", async () => {
    const first = await get(path)
    const etag = first.headers.get("etag") ?? ""
    expect(etag).toMatch(/^W\/".+"$/)
    const same = await get(path, { "if-none-match": `"other", ${etag}` })
    expect(same.status).toBe(304)
    expect(same.body).toEqual({})
    await api.fund("ann", "1")
    const changed = await get(path, { "if-none-match": etag })
    expect(changed.status).toBe(200)
    expect(changed.headers.get("etag")).not.toBe(etag)
  })

  it("is compressed as the caller likes", async () => {
    const plain = await raw(path, { "accept-encoding": "identity" })
    expect(plain.encoding).toBeUndefined()
    const data = (bytes: Buffer) => (JSON.parse(bytes.toString()) as { data: unknown }).data
    const gzipped = await raw(path, { "accept-encoding": "gzip" })
    expect(gzipped.encoding).toBe("gzip")
    expect(data(gunzipSync(gzipped.bytes))).toEqual(data(plain.bytes))
    const brotli = await raw(path, { "accept-encoding": "gzip, br" })
    expect(brotli.encoding).toBe("br")
    expect(data(brotliDecompressSync(brotli.bytes))).toEqual(data(plain.bytes))
    expect((await raw(path, { "accept-encoding": "br;q=0, gzip;q=0.5" })).encoding).toBe("gzip")
    expect((await raw("/livez", { "accept-encoding": "br" })).encoding).toBeUndefined()
  })

  it("gives only the fields that were asked for", async () => {
    const { body } = await get(
      `${path}?fields=user_id,history.amount,history.metadata,pagination.limit&limit=1`,
    )
    expect(body.data).toEqual({
      user_id: "ann",
      history: [{ amount: expect.any(String), metadata: {} }],
      pagination: { limit: 1 },
    })
    expect(body.code).toBe(200)
  })

  it("takes HEAD for GET", async () => {
    const response = await fetch(`${api.server.url}${path}`, {
      method: "HEAD",
      headers: { authorization: `Bearer ${api.apiKey}` },
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe("")
  })
})

describe("the registry", () => {
  it("is told: chains, tokens, reasons", async () => {
    const chains = (await get("/api/v1/chains")).body.data.chains
    expect(chains.map((chain: { chain_id: number }) => chain.chain_id)).toEqual([31_337, 31_338])
    const tokens = (await get("/api/v1/tokens?chain_id=31338")).body.data.tokens
    expect(tokens.map((token: { symbol: string }) => token.symbol)).toEqual(["GOLD", "USDT"])
    expect((await get("/api/v1/tokens")).body.data.tokens[0]).toMatchObject({
      symbol: "CPOP",
      decimals: 18,
      is_default: true,
      optimal_batch_size: 25,
      max_wait_time_ms: 900_000,
    })
    const reasons = (await get("/api/v1/reasons")).body.data.reasons
    expect(reasons.map((reason: { reason_type: string }) => reason.reason_type)).toEqual([
      "adjustment",
      "burn",
      "consumption",
      "daily_checkin",
      "gas_fee",
      "mint",
      "opening_balance",
      "refund",
      "reward",
      "settlement",
      "transfer_in",
      "transfer_out",
      "urgent_transfer",
    ])
  })

  it("gives every user one address on each chain, and another one to each user", async () => {
    const ann = (await get("/api/v1/wallet/ann")).body.data
    expect(ann.wallets).toEqual([
      expect.objectContaining({
        chain_id: 31_337,
        chain_name: "local",
        aa_address: expect.stringMatching(/^0x[0-9a-f]{40}$/),
        is_deployed: true,
      }),
      expect.objectContaining({ chain_id: 31_338 }),
    ])
    const bob = (await get("/api/v1/wallet/bob")).body.data
    expect(bob.wallets[0].aa_address).not.toBe(ann.wallets[0].aa_address)
    const { rows } = await sql<{ address: string }>`
      SELECT address FROM ledger.accounts WHERE ledger_id = ${api.app.ledgerId} AND user_id = 'ann'`.execute(
      api.db,
    )
    expect(rows[0]?.address).toBe(ann.wallets[0].aa_address)
  })
})

describe("the event log", () => {
  type Line = Record<string, string | number | null> & { data: unknown; details: unknown }

  async function lines(query = ""): Promise<Line[]> {
    const response = await fetch(`${api.server.url}/api/v1/audit/events${query}`, {
      headers: { authorization: `Bearer ${api.apiKey}` },
    })
    expect(response.headers.get("content-type")).toContain("application/x-ndjson")
    const text = await response.text()
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line)
  }

  it("comes as lines from which every hash can be made again", async () => {
    const all = await lines()
    expect(all.length).toBeGreaterThan(30)
    let previous: Buffer = genesisHash
    for (const [index, line] of all.entries()) {
      expect(line.position).toBe(String(index + 1))
      expect(line.prev_hash).toBe(previous.toString("hex"))
      const bytes = (name: string) => {
        const text = line[name]
        return typeof text === "string" ? Buffer.from(text, "hex") : null
      }
      const integer = (name: string) => (line[name] === null ? null : BigInt(line[name] as string))
      const salt = bytes("salt")
      if (salt !== null)
        expect(hashDetails(salt, JSON.stringify(line.details))).toEqual(bytes("details_hash"))
      const encoded = encodeEvent({
        ledgerId: line.ledger_id as string,
        position: BigInt(line.position as string),
        type: line.type as string,
        version: line.version as number,
        operationId: line.operation_id as string | null,
        sequence: line.sequence as number | null,
        accountId: integer("account_id"),
        amount: integer("amount"),
        balanceAfter: integer("balance_after"),
        occurredAt: new Date(line.occurred_at as string),
        recordedAt: new Date(line.recorded_at as string),
        causation: line.causation as string,
        dataJson: JSON.stringify(line.data),
        detailsHash: bytes("details_hash"),
      })
      previous = createHash("sha256").update(previous).update(encoded).digest()
      expect(line.hash).toBe(previous.toString("hex"))
    }
  })

  it("can be resumed after any position, and is as long as it was asked to be", async () => {
    const all = await lines()
    expect(await lines("?after=5&limit=3")).toEqual(all.slice(5, 8))
    expect(await lines(`?after=${all.length}`)).toEqual([])
    expect(await lines("?after=999999999")).toEqual([])
  })

  it("streams more than a page", async () => {
    const many = Array.from({ length: 2_500 }, (_, index) => ({
      user_id: `many_${index % 10}`,
      token_symbol: "CPOP",
      amount: "+1",
      reason_type: "reward",
    }))
    expect((await api.adjust({ adjustments: many })).status).toBe(200)
    const all = await lines()
    expect(all.length).toBeGreaterThan(2_500)
    expect(all.map((line) => line.position)).toEqual(all.map((_, index) => String(index + 1)))
  })
})

describe("health", () => {
  const components = async () => (await get("/api/v1/system/health")).body.data

  async function beat(role: string, agoSeconds: number): Promise<void> {
    await sql`DELETE FROM registry.processes WHERE role = ${role}`.execute(api.db)
    await sql`
      INSERT INTO registry.processes (process_id, role, pid, host, version, started_at, heartbeat_at, details)
      VALUES (${randomUUID()}, ${role}, 1, 'host', '0', now(), now() - ${agoSeconds} * interval '1 second', '{}')`.execute(
      api.db,
    )
  }

  it("tells every component from what was measured", async () => {
    await beat("worker", 1)
    await beat("batcher", 30)
    await sql`
      INSERT INTO ledger.chain_cursors (chain_id, block_number, block_hash, block_time, updated_at)
      VALUES (31337, 98, ${`0x${"aa".repeat(32)}`}, now() - interval '2 seconds', now())`.execute(api.db)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await expect.poll(components).toMatchObject({
      status: "degraded",
      version: "0.0.0-test",
      uptime: expect.any(Number),
      components: {
        database: "healthy",
        redis: "not_configured",
        api: "healthy",
        worker: "healthy",
        batcher: "unhealthy",
        // A worker that says nothing of checkpoints has no key for them.
        checkpoints: "not_configured",
        projections: "not_configured",
        indexer: "unhealthy",
        chains: {
          local: { status: "healthy", chain_id: 31_337, head_block: 100, confirmed_block: 98, head_lag: 2 },
          elsewhere: { status: "degraded", head_block: 100, confirmed_block: null, head_lag: null },
        },
      },
      open_alarms: 0,
      performance_metrics: {
        pending_batches: 0,
        average_batch_size: null,
        success_rate_24h: null,
        total_gas_saved_24h: null,
      },
      cpop_metrics: { batch_operations_24h: 0, mint_efficiency_avg: null, master_aggregator_usage: null },
    })
  })

  it("counts and names only the alarms that are not another app's", async () => {
    const other = randomUUID()
    await sql`INSERT INTO registry.ledgers (ledger_id, name, identifier_salt) VALUES (${other}, 'other', ${Buffer.alloc(32)})`.execute(
      api.db,
    )
    await sql`
      INSERT INTO registry.alarms (alarm_id, kind, subject, ledger_id, message) VALUES
        (gen_random_uuid(), 'batch_failing', 'batch:0x1', ${other}, 'of another app'),
        (gen_random_uuid(), 'chain_unreachable', 'chain:1', NULL, 'of everybody')`.execute(api.db)
    const health = await components()
    expect(health).toMatchObject({ status: "degraded", open_alarms: 1 })
    expect(health.alarms.map((alarm: { message: string }) => alarm.message)).toEqual(["of everybody"])
  })

  it.each([
    ["no_key", "not_configured"],
    ["working", "healthy"],
    ["failing", "degraded"],
  ])("takes checkpoints for what the worker says of them: %s is %s", async (state, condition) => {
    await beat("worker", 1)
    const details = JSON.stringify({ checkpoints: { state } })
    await sql`UPDATE registry.processes SET details = ${details} WHERE role = 'worker'`.execute(api.db)
    expect((await components()).components.checkpoints).toBe(condition)
    await beat("worker", 30)
    expect((await components()).components.checkpoints).toBe("unhealthy")
  })

  it("is told without a key too, without the figures of any ledger", async () => {
    const response = await fetch(`${api.server.url}/api/v1/health`)
    const body = (await response.json()) as { data: Record<string, unknown> }
    expect(response.status).toBe(200)
    expect(body.data).toMatchObject({
      performance_metrics: null,
      cpop_metrics: null,
      alarms: null,
      open_alarms: 2,
    })
  })

  it("has probes", async () => {
    expect((await fetch(`${api.server.url}/livez`)).status).toBe(200)
    expect((await fetch(`${api.server.url}/readyz`)).status).toBe(200)
  })
})

describe("the documentation", () => {
  type Operation = {
    responses: Record<string, unknown>
    parameters?: { name: string; in: string; required?: boolean }[]
    requestBody?: { content: Record<string, { schema: unknown }> }
    security?: unknown[]
  }
  type Document = { openapi: string; paths: Record<string, Record<string, Operation>>; components: object }
  const document = async () => (await (await fetch(`${api.server.url}/openapi.json`)).json()) as Document

  it("lists every route with its parameters, its body and its refusals", async () => {
    const { openapi, paths } = await document()
    expect(openapi).toBe("3.1.0")
    const listed = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    )
    expect(new Set(listed)).toEqual(new Set(routes.map((route) => `${route.method} ${fullPath(route)}`)))
    for (const route of routes) {
      const operation = paths[fullPath(route)]?.[route.method]
      const inPath = [...fullPath(route).matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const declared = (operation?.parameters ?? []).filter((parameter) => parameter.in === "path")
      expect(declared.map((parameter) => parameter.name)).toEqual(inPath)
      expect(declared.every((parameter) => parameter.required === true)).toBe(true)
      expect(operation?.responses[String(route.answerStatus ?? 200)]).toBeDefined()
      const types = route.upload ?? (route.body === undefined ? [] : ["application/json"])
      expect(Object.keys(operation?.requestBody?.content ?? {})).toEqual(types)
      if (route.permission !== "public") expect(operation?.responses).toHaveProperty("401")
    }
  })

  it("is a document whose references all lead somewhere and whose schemas are strict where requests are", async () => {
    const whole = await document()
    const visit = (value: unknown): void => {
      if (Array.isArray(value)) for (const child of value) visit(child)
      else if (typeof value === "object" && value !== null) {
        const { $ref } = value as { $ref?: unknown }
        if (typeof $ref === "string") {
          const target = $ref
            .slice(2)
            .split("/")
            .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], whole)
          expect(target, $ref).toBeDefined()
        }
        for (const child of Object.values(value)) visit(child)
      }
    }
    visit(whole)
    const schema = whole.paths["/api/v1/balance/adjust"]?.post?.requestBody?.content["application/json"]
      ?.schema as {
      additionalProperties: boolean
      properties: Record<
        string,
        { maxItems?: number; items?: { additionalProperties: boolean; required: string[] } }
      >
    }
    expect(schema.additionalProperties).toBe(false)
    expect(schema.properties.adjustments?.maxItems).toBe(10_000)
    expect(schema.properties.adjustments?.items?.additionalProperties).toBe(false)
    expect(schema.properties.adjustments?.items?.required).toEqual([
      "user_id",
      "token_symbol",
      "amount",
      "reason_type",
    ])
  })
})
