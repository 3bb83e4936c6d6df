import { connect } from "node:net"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeCheckpoint } from "../../../ledger/audit/make-checkpoint.ts"
import { auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import { openNote } from "../../../ledger/domain/checkpoint-note.ts"
import { hashLeaf } from "../../../ledger/domain/merkle-hash.ts"
import { verifyConsistency, verifyInclusion } from "../../../ledger/domain/merkle-proof.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

const key = auditKeyOf(Buffer.alloc(32, 1))
let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

const get = (path: string, headers?: Record<string, string>) =>
  api.call("GET", `/api/v1/audit/${path}`, undefined, headers)

async function record(events: number): Promise<void> {
  const adjustments = Array.from({ length: events }, (_, index) => ({
    user_id: `user_${index % 5}`,
    token_symbol: "CPOP",
    amount: "+1",
    reason_type: "reward",
  }))
  expect((await api.adjust({ adjustments })).status).toBe(200)
}

const make = () => makeCheckpoint(api.db, api.app.ledgerId, key, new Date())
const bytes = (hex: string) => Buffer.from(hex, "hex")

describe("before there is anything", () => {
  it("the head is at 0, and nothing can be proven", async () => {
    expect((await get("head")).body.data).toEqual({
      ledger_id: api.app.ledgerId,
      position: "0",
      hash: "00".repeat(32),
      recorded_at: null,
      checkpoint: null,
    })
    expect((await get("checkpoints")).body.data).toMatchObject({ checkpoints: [] })
    expect((await get("proof/1")).body.errors?.[0]).toMatchObject({
      code: "UNKNOWN_POSITION",
      field: "position",
    })
  })

  it("an event that no checkpoint covers cannot be proven yet", async () => {
    await record(1)
    const { status, body } = await get("proof/1")
    expect(status).toBe(404)
    expect(body.errors?.[0]).toMatchObject({ code: "UNKNOWN_CHECKPOINT", field: null })
  })
})

describe("with checkpoints", () => {
  const sizes: number[] = []
  beforeAll(async () => {
    for (const events of [299, 513, 1, 1_000]) {
      await record(events)
      sizes.push(Number((await make())?.treeSize))
    }
    await record(5)
  })

  it("every event is proven with every checkpoint that covers it", async () => {
    const last = sizes.at(-1) ?? 0
    for (const position of [1, 2, 255, 256, 257, 300, 512, 513, 769, 1_024, 1_025, last - 1, last]) {
      for (const size of [...sizes.filter((one) => one >= position), undefined]) {
        const { status, body } = await get(
          `proof/${position}${size === undefined ? "" : `?tree_size=${size}`}`,
        )
        expect(status, `${position} in ${size}`).toBe(200)
        const { hash, leaf_hash, leaf_index, proof, checkpoint } = body.data
        expect(Number(checkpoint.tree_size)).toBe(size ?? last)
        const opened = openNote(checkpoint.note, bytes(checkpoint.public_key))
        if ("problem" in opened) throw new Error(opened.problem)
        expect(opened.checkpoint.root.toString("hex")).toBe(checkpoint.root)
        expect(checkpoint.public_key).toBe(key.publicKey.toString("hex"))
        expect(leaf_hash).toBe(hashLeaf(bytes(hash)).toString("hex"))
        const proven = {
          leafHash: bytes(leaf_hash),
          index: Number(leaf_index),
          size: size ?? last,
          proof: proof.map(bytes),
          root: opened.checkpoint.root,
        }
        expect(verifyInclusion(proven), `${position} in ${size}`).toBe(true)
      }
    }
  })

  it("each checkpoint is shown to go on from every earlier one", async () => {
    for (const [index, size] of sizes.entries()) {
      for (const from of sizes.slice(0, index + 1)) {
        const { body } = await get(`checkpoints/${size}/consistency?from=${from}`)
        const { from: earlier, to: later, proof } = body.data
        const proven = {
          from,
          fromRoot: bytes(earlier.root),
          size,
          root: bytes(later.root),
          proof: proof.map(bytes),
        }
        expect(verifyConsistency(proven), `${from} in ${size}`).toBe(true)
      }
    }
  })

  it("the head names the newest checkpoint, and the list has them all, page by page", async () => {
    const { data } = (await get("head")).body
    expect(data).toMatchObject({
      position: String((sizes.at(-1) ?? 0) + 5),
      checkpoint: { tree_size: String(sizes.at(-1)) },
    })
    expect(data.hash).toMatch(/^[0-9a-f]{64}$/)
    const seen: number[] = []
    for (let cursor = ""; ; ) {
      const page = (await get(`checkpoints?limit=3${cursor}`)).body.data
      seen.push(...page.checkpoints.map((one: { tree_size: string }) => Number(one.tree_size)))
      if (!page.pagination.has_more) break
      cursor = `&cursor=${page.pagination.next_cursor}`
    }
    expect(seen).toEqual(sizes.toReversed())
  })

  it("each checkpoint says where it is anchored, or how far that is, or nothing", async () => {
    const contract = `0x${"0a".repeat(20)}`
    const hash = `0x${"0b".repeat(32)}`
    const anchors = async () => {
      const { checkpoints } = (await get("checkpoints")).body.data
      return checkpoints.map(({ anchor }: { anchor: unknown }) => anchor)
    }
    expect(await anchors()).toEqual([null, null, null, null])
    const common = { ledger_id: api.app.ledgerId, chain_id: 31_337n, contract, sealed_at: new Date() }
    const place = { tx_hash: hash, block_number: 12n }
    await api.db
      .insertInto("settlement.anchors")
      .values([
        { ...common, tree_size: BigInt(sizes[0] ?? 0), state: "skipped" },
        { ...common, tree_size: BigInt(sizes[1] ?? 0), state: "confirmed", ...place },
        { ...common, tree_size: BigInt(sizes[2] ?? 0), state: "mined", ...place },
      ])
      .execute()
    const nowhere = { transaction_hash: null, block_number: null, is_confirmed: false }
    const mined = { transaction_hash: hash, block_number: "12" }
    expect(await anchors()).toEqual([
      null,
      { chain_id: 31_337, contract, state: "mined", ...mined, is_confirmed: false },
      { chain_id: 31_337, contract, state: "confirmed", ...mined, is_confirmed: true },
      { chain_id: 31_337, contract, state: "skipped", ...nowhere },
    ])
  })

  it.each([
    ["proof/9999", 404, "UNKNOWN_POSITION", "position"],
    ["proof/1820", 404, "UNKNOWN_CHECKPOINT", "position"],
    ["proof/1?tree_size=7", 404, "UNKNOWN_CHECKPOINT", "tree_size"],
    ["proof/500?tree_size=305", 400, "INVALID_PARAMETER", "tree_size"],
    ["proof/0", 400, "INVALID_PARAMETER", "position"],
    ["proof/x", 400, "INVALID_PARAMETER", "position"],
    ["proof/99999999999999999999", 400, "INVALID_PARAMETER", "position"],
    ["checkpoints/305/consistency", 400, "INVALID_PARAMETER", "from"],
    ["checkpoints/305/consistency?from=1", 404, "UNKNOWN_CHECKPOINT", "from"],
    ["checkpoints/306/consistency?from=305", 404, "UNKNOWN_CHECKPOINT", "tree_size"],
    ["checkpoints/305/consistency?from=818", 400, "INVALID_PARAMETER", "from"],
    ["checkpoints?cursor=abc", 400, "INVALID_CURSOR", "cursor"],
  ])("%s is refused", async (path, status, code, field) => {
    const reply = await get(path)
    expect([reply.status, reply.body.errors?.[0]?.code, reply.body.errors?.[0]?.field]).toEqual([
      status,
      code,
      field,
    ])
  })

  it("the event log resumes behind any line, and a reader who leaves keeps nothing open", async () => {
    const all = await read("")
    expect(all.length).toBe(Number((await get("head")).body.data.position))
    const [first, middle] = [await read("?limit=1200"), await read("?after=1200&limit=30")]
    expect([...first, ...middle, ...(await read("?after=1230"))]).toEqual(all)

    // Takes the first bytes, then nothing for a while, then leaves.
    const url = new URL(api.server.url)
    const socket = connect(Number(url.port), url.hostname)
    socket.write(
      `GET /api/v1/audit/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.apiKey}\r\nconnection: close\r\n\r\n`,
    )
    await new Promise((resolve) => socket.once("data", resolve))
    socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 200))
    socket.destroy()
    const busy = async () => {
      const { rows } = await sql<{ n: bigint }>`
        SELECT count(*) AS n FROM pg_stat_activity
        WHERE application_name = 'test-api' AND state <> 'idle' AND pid <> pg_backend_pid()`.execute(api.db)
      return rows[0]?.n === 0n
    }
    await waitUntil(busy, { what: "no connection is in use" })
  })
})

async function read(query: string): Promise<string[]> {
  const response = await fetch(`${api.server.url}/api/v1/audit/events${query}`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  const text = await response.text()
  return text.split("\n").slice(0, -1)
}
