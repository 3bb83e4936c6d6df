import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { makeCheckpoint } from "../../../ledger/audit/make-checkpoint.ts"
import { auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import { buildExport, opened } from "../../support/build-export.ts"
import { checkBytes, exportToBytes, forgeExport } from "../../support/export-to-bytes.ts"
import { fillLedger } from "../../support/fill-ledger.ts"
import { discard, giveUp } from "../../support/give-up.ts"
import { cancelByHand, liveThrough, revokeNewest } from "../../support/live-through.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import type { TestLedger } from "../../support/test-ledger.ts"

const program = join(import.meta.dirname, "..", "..", "..", "docs", "verify-export.py")
const hasPython = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0
const key = auditKeyOf(Buffer.alloc(32, 1))
const otherKey = auditKeyOf(Buffer.alloc(32, 2))
const publicKey = ["--public-key", key.publicKey.toString("hex")]

test("the program in the docs is short enough to be read, and needs nothing but Python", () => {
  const text = readFileSync(program, "utf8")
  expect(text.split("\n").length - 1).toBeLessThanOrEqual(150)
  expect(text.match(/^(?:import|from) .*$/gm)).toEqual([
    "import argparse, base64, datetime, functools, hashlib, json, re, sys",
  ])
})

describe.skipIf(!hasPython)(
  "a verifier that was written from the docs, in Python (needs python3 of 3.9 or newer),",
  () => {
    let api: TestApi
    let ledger: TestLedger
    let directory: string
    let whole: Buffer
    const sizes: bigint[] = []

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "chainbridge-python-"))
      api = await startTestApi()
      const { rows } = await sql<{ token_id: number }>`
      SELECT token_id FROM registry.tokens WHERE symbol = 'CPOP' ORDER BY chain_id = 31337 DESC LIMIT 1`.execute(
        api.db,
      )
      const own = {
        database: api.database,
        db: api.db,
        writerPool: api.writerPool,
        ledgerId: api.app.ledgerId,
      }
      ledger = { ...own, tokenId: rows[0]?.token_id ?? 0 } as TestLedger
      const make = async () =>
        sizes.push((await makeCheckpoint(api.db, ledger.ledgerId, key, new Date()))?.treeSize ?? 0n)
      await liveThrough(ledger)
      await make()
      await fillLedger(ledger, 700)
      await make()
      // Whatever has to be escaped in a line, and what must not be.
      const strange = { operation_id: 'a"b\\c é \u{1F600}', user_id: 'n"\\é\u{1F600}' }
      const adjustment = {
        user_id: strange.user_id,
        token_symbol: "CPOP",
        amount: "+1",
        reason_type: "reward",
        reason_detail: "tab\tnewline\n\u2028",
      }
      const { status } = await api.adjust({ operation_id: strange.operation_id, adjustments: [adjustment] })
      expect(status).toBe(200)
      const hold = async (amount: string) => {
        const held = { user_id: strange.user_id, token_symbol: "CPOP", amount, reason_type: "consumption" }
        return (await write("balance/holds", held)).hold_id as string
      }
      const [captured, released] = [await hold("0.5"), await hold("0.25")]
      await write(`balance/holds/${captured}/capture`, { amount: "0.125" })
      await write(`balance/holds/${released}/release`, {})
      await hold("0.0625")
      const { transactions } = await write("balance/adjust", {
        adjustments: [{ ...adjustment, amount: "+2" }],
      })
      await write(`adjustments/${transactions[0].tx_id}/reverse`, {})
      await giveUpSome()
      await cancelSome()
      await make()
      whole = await exportToBytes(ledger, { key })
      expect(checkBytes(whole)).toMatchObject({ last: sizes.at(-1) })
    })
    afterAll(async () => {
      rmSync(directory, { recursive: true, force: true })
      await api?.close()
    })

    /** Finn's changes are refused by the token and discarded, twice. */
    async function giveUpSome() {
      const given = ["+5", "+7"].map((amount) => ({
        ...{ user_id: "finn", token_symbol: "CPOP", amount, reason_type: "reward" },
      }))
      await write("balance/adjust", { adjustments: given })
      const settlement = await settleByHand(ledger.db, ledger.ledgerId, ledger.tokenId)
      const [first = 0n] = await giveUp(ledger, settlement, ["finn"])
      await discard(ledger, first)
      await write("balance/adjust", { adjustments: given })
      const [second = 0n] = await giveUp(ledger, settlement, ["finn"])
      await discard(ledger, second)
    }

    /** A batch is cancelled, the block of that is gone, and it is cancelled in another one. */
    async function cancelSome() {
      const given = [1, 2].map((user) => ({
        ...{ user_id: `gil-${user}`, token_symbol: "CPOP", amount: "+3", reason_type: "reward" },
      }))
      await write("balance/adjust", { adjustments: given })
      const settlement = await settleByHand(ledger.db, ledger.ledgerId, ledger.tokenId)
      await settlement.takeIn()
      const sequence = (await settlement.seal()) ?? 0n
      await cancelByHand(ledger, sequence)
      await revokeNewest(ledger)
      await cancelByHand(ledger, sequence)
    }

    async function write(path: string, body: object) {
      const { status, body: answer } = await api.call("POST", `/api/v1/${path}`, body)
      expect(status, JSON.stringify(answer)).toBe(200)
      return answer.data
    }

    function run(bytes: Buffer, args: readonly string[] = publicKey) {
      const file = join(directory, "export.ndjson")
      writeFileSync(file, bytes)
      const { status, stdout, stderr } = spawnSync("python3", [program, file, ...args], { encoding: "utf8" })
      return { status, said: (stdout + stderr).replace(file, "FILE") }
    }

    async function save(
      path: string,
      name: string,
      pick: (data: { note: string }) => string | object = (data) => data,
    ) {
      const { status, body } = await api.call("GET", `/api/v1/audit/${path}`)
      expect(status).toBe(200)
      const content = pick(body.data)
      const file = join(directory, name)
      writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content))
      return file
    }

    test("agrees with an export, its checkpoints, and proofs of inclusion and consistency", async () => {
      const [first = 0n, second = 0n, third = 0n] = sizes
      const proofs = await Promise.all([
        ...[1n, 2n, first, 256n, 257n, 500n, third].map((at) => save(`proof/${at}`, `p${at}.json`)),
        save(`proof/3?tree_size=${first}`, "old.json"),
        ...[
          [first, second],
          [first, third],
          [second, third],
          [third, third],
        ].map(([from, to]) => save(`checkpoints/${to}/consistency?from=${from}`, `c${from}-${to}.json`)),
      ])
      const note = await save(
        "checkpoints?limit=1",
        "newest.note",
        (data) => (data as unknown as { checkpoints: { note: string }[] }).checkpoints[0]?.note ?? "",
      )
      const result = run(whole, [
        ...publicKey,
        "--checkpoint",
        note,
        ...proofs.flatMap((proof) => ["--proof", proof]),
      ])
      expect(result.said).toMatch(
        new RegExp(
          `^ok FILE: \\d+ accounts, last event ${third}, root [0-9a-f]{64}, details erased: 0, 0 of them later; proofs that hold: 12, 0 of them beyond the file\n$`,
        ),
      )
      const ours = checkBytes(whole)
      expect(result.said).toContain("root" in ours ? ours.root.toString("hex") : "none")
      expect(result.said).toContain(`${"accounts" in ours ? ours.accounts : "no"} accounts`)

      // One wrong byte in any of them.
      for (const proof of proofs) {
        const text = readFileSync(proof, "utf8")
        const altered = text.replace(/"proof":\["(.)/, (found, digit: string) =>
          found.replace(/.$/, digit === "0" ? "1" : "0"),
        )
        if (altered === text) continue
        writeFileSync(join(directory, "altered.json"), altered)
        const refused = run(whole, [...publicKey, "--proof", join(directory, "altered.json")])
        expect(refused, proof).toMatchObject({
          status: 1,
          said: expect.stringContaining("it does not lead to the root"),
        })
      }
    })

    test("agrees with a part, one without details, and one that only a checkpoint vouches for", async () => {
      expect(run(await exportToBytes(ledger, { key, first: 300n, last: 500n }))).toMatchObject({ status: 0 })
      expect(run(await exportToBytes(ledger, { key, hasDetails: false }))).toMatchObject({ status: 0 })
      const unsigned = await exportToBytes(ledger, { key: null })
      expect(run(unsigned).status).toBe(1)
      const note = await save(
        "head",
        "head.note",
        (data) => (data as unknown as { checkpoint: { note: string } }).checkpoint.note,
      )
      expect(run(unsigned, [...publicKey, "--checkpoint", note])).toMatchObject({ status: 0 })
    })

    test("says how many proofs go beyond the file, and refuses one of another ledger that the same key signed", async () => {
      const proof = await save("proof/2", "beyond.json")
      const part = await exportToBytes(ledger, { key, last: sizes[0] ?? 1n })
      expect(run(part, [...publicKey, "--proof", proof]).said).toMatch(
        /proofs that hold: 1, 1 of them beyond the file\n$/,
      )
      const other = buildExport([opened(1n)], { key })
      expect(run(other.bytes)).toMatchObject({ status: 0 })
      expect(run(other.bytes, [...publicKey, "--proof", proof])).toMatchObject({
        status: 1,
        said: expect.stringMatching(/beyond\.json: .*of another ledger/),
      })
    })

    /** Where a batch is cancelled, that is taken back, and it is cancelled again. */
    const cancellations = () =>
      lines().flatMap((line) =>
        /"type":"(SettlementCancelled"|ConfirmationRevoked".*"revoked_type":"SettlementCancelled")/.test(line)
          ? [BigInt(/"position":"(\d+)"/.exec(line)?.[1] ?? 0)]
          : [],
      )
    const renumbered = (line: string) => line.replace(/"batch_sequence":(\d+)/, '"batch_sequence":1$1')
    const lines = () => whole.toString().split("\n").slice(0, -1)
    const file = (of: readonly string[]) => Buffer.from(of.map((line) => `${line}\n`).join(""))
    const tampered: [string, RegExp, () => Buffer][] = [
      [
        "an amount",
        /line \d+: its content does not give its hash/,
        () => Buffer.from(whole.toString().replace('"amount":"40"', '"amount":"41"')),
      ],
      [
        "details",
        /line \d+: its details do not give their hash/,
        () => Buffer.from(whole.toString().replace("for the test", "for the rest")),
      ],
      [
        "a space",
        /line 3: it is not written as an event is/,
        () =>
          Buffer.from(
            whole
              .toString()
              .replace(/\n\{"ledger_id":("[^"]+"),"position":"2"/, '\n{"ledger_id": $1,"position":"2"'),
          ),
      ],
      [
        "an event that is gone",
        /line 6: it does not go on from the event before it/,
        () => file(lines().toSpliced(5, 1)),
      ],
      [
        "two events in another order",
        /does not go on/,
        () => file(lines().toSpliced(5, 2, lines()[6] ?? "", lines()[5] ?? "")),
      ],
      [
        "an event that is there twice",
        /does not go on/,
        () => file(lines().toSpliced(5, 0, lines()[5] ?? "")),
      ],
      [
        "a checkpoint that is gone",
        /it does not say what is before it/,
        () => file(lines().filter((line) => !line.startsWith('{"checkpoint"'))),
      ],
      [
        "a note",
        /line \d+: (the signature does not hold|it is not written|it does not say)/,
        () => Buffer.from(whole.toString().replace(/\\ntime 2/, "\\ntime 3")),
      ],
      ["the end cut off", /it is cut off/, () => whole.subarray(0, whole.length - 1)],
      ["the last line gone", /it is cut off/, () => file(lines().slice(0, -1))],
      [
        "something behind the end",
        /stands behind the last line/,
        () => Buffer.concat([whole, Buffer.from("{}\n")]),
      ],
      [
        "its signature",
        /the signature does not hold|no point/,
        () =>
          Buffer.from(
            whole
              .toString()
              .replace(/"signature":"(.)/, (found, digit: string) =>
                found.replace(/.$/, digit === "0" ? "1" : "0"),
              ),
          ),
      ],
      [
        "another key's signature on a forged log",
        /nobody known signed it/,
        () => forgeExport(whole, 5n, (line) => line.replace('"reward"', '"reform"'), otherKey),
      ],
      [
        "a forged balance",
        /its balance_after is another one/,
        () => forgeExport(whole, 5n, (line) => line.replace(/"amount":"\d+"/, '"amount":"7"'), key),
      ],
      [
        "a cancellation that was taken back of another batch",
        /takes back something else, or nothing/,
        () => forgeExport(whole, cancellations()[1] ?? 0n, renumbered, key),
      ],
      [
        "a cancellation by the log of another confirmation that stands",
        /it is confirmed already/,
        () => {
          const block = /"block_hash":"0x[0-9a-f]+"/
          const [hash = ""] =
            block.exec(lines().find((line) => line.includes('"SettlementConfirmed"')) ?? "") ?? []
          return forgeExport(whole, cancellations()[2] ?? 0n, (line) => line.replace(block, hash), key)
        },
      ],
      [
        "a type that there is not",
        /is not in list/,
        () => forgeExport(whole, 5n, (line) => line.replace(/"type":"\w+"/, '"type":"MoneyMade"'), key),
      ],
    ]
    test.each(tampered)("finds %s", (_, message, make) => {
      const altered = make()
      expect(altered.equals(whole)).toBe(false)
      const result = run(altered)
      expect(result.status).toBe(1)
      expect(result.said).toMatch(message)
      expect(checkBytes(altered, { trustedKeys: [key.publicKey] }), "ours finds it too").toHaveProperty(
        "problem",
      )
    })

    test("finds bytes that are tried", async () => {
      const part = await exportToBytes(ledger, { key, last: sizes[0] ?? 1n })
      for (let at = 3; at < part.length; at += Math.ceil(part.length / 25)) {
        const altered = Buffer.from(part)
        altered[at] = (part[at] ?? 0) ^ (1 + (at % 7))
        expect(run(altered).status, `byte ${at}`).toBe(1)
      }
    })
  },
)
