import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, integer, property } from "fast-check"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { checkExportFile } from "../../../cli/check-export-file.ts"
import { makeCheckpoint } from "../../../ledger/audit/make-checkpoint.ts"
import { readCheckpoint } from "../../../ledger/audit/read-checkpoints.ts"
import { auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { checkBytes, exportToBytes, forgeExport } from "../../support/export-to-bytes.ts"
import { fillLedger } from "../../support/fill-ledger.ts"
import { liveThrough } from "../../support/live-through.ts"
import { runCli } from "../../support/run-cli.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

const secret = "01".repeat(32)
const key = auditKeyOf(Buffer.from(secret, "hex"))
const otherKey = auditKeyOf(Buffer.alloc(32, 2))

let ledger: TestLedger
let directory: string
/** Everything that settlement and a chain can do, with three checkpoints. */
let whole: Buffer
/** Four events and a checkpoint. */
let small: Buffer
let notes: string[]
let head: bigint

const make = (of: TestLedger = ledger) => makeCheckpoint(of.db, of.ledgerId, key, new Date())

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-export-"))
  ledger = await createTestLedger()
  await fillLedger(ledger, 3)
  await make()
  await liveThrough(ledger)
  await make()
  await fillLedger(ledger, 2)
  const last = await make()
  head = last?.treeSize ?? 0n
  const sizes = (await ledger.pool.query("SELECT tree_size FROM ledger.checkpoints ORDER BY 1")).rows
  notes = []
  for (const { tree_size: size } of sizes) {
    notes.push((await readCheckpoint(ledger.db, ledger.ledgerId, size))?.note ?? "")
  }
  whole = await exportToBytes(ledger, { key })
  const few = { ...ledger, ledgerId: await insertLedger(ledger.db) }
  await fillLedger(few, 2)
  await make(few)
  small = await exportToBytes(few, { key })
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await ledger?.close()
})

const linesOf = (bytes: Buffer) => bytes.toString().split("\n").slice(0, -1)
const fileOf = (lines: readonly string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(""))

describe("an export that nobody touched holds:", () => {
  test("all of it, against a key and against each checkpoint", () => {
    const good = checkBytes(whole, { trustedKeys: [key.publicKey], notes })
    expect(good).toMatchObject({ first: 1n, last: head, signedBy: key.keyId, redacted: 0 })
    expect("accounts" in good && good.accounts).toBeGreaterThan(3)
    expect("checkpoints" in good && good.checkpoints.size).toBe(3)
  })

  test.each([1n, 2n, 5n])(
    "from position %d on, and it still gives the root of the whole log",
    async (first) => {
      const part = await exportToBytes(ledger, { key, first })
      const result = checkBytes(part, { notes: notes.slice(1) })
      expect(result).toMatchObject({ first, last: head })
      expect(result).toMatchObject({ root: (checkBytes(whole) as { root: Buffer }).root })
    },
  )

  test("up to a position, without details, unsigned", async () => {
    const part = await exportToBytes(ledger, { key: null, last: 7n, hasDetails: false })
    expect(checkBytes(part)).toMatchObject({ first: 1n, last: 7n, signedBy: null, redacted: 0 })
    expect(part.toString()).not.toContain("for the test")
    expect(part.toString()).toContain('"details":null,"salt":null,"details_hash":"')
  })

  test("every event alone", async () => {
    for (let at = 1n; at <= head; at += 1n) {
      expect(checkBytes(await exportToBytes(ledger, { key, first: at, last: at }))).toMatchObject({
        last: at,
      })
    }
  })
})

describe("found:", () => {
  test("every byte of a small export, with other values", () => {
    expect(checkBytes(small)).toMatchObject({ last: 4n })
    for (let at = 0; at < small.length; at += 1) {
      // Its neighbour, which is often as good a digit or letter, and any other.
      for (const difference of [1, 1 + ((at * 7) % 255)]) {
        const altered = Buffer.from(small)
        altered[at] = (small[at] ?? 0) ^ difference
        expect(checkBytes(altered), `byte ${at}, ${difference}`).toHaveProperty("problem")
      }
    }
  })

  test("every byte of it left out or put in twice, and every place where it could be cut off", () => {
    for (let at = 0; at < small.length; at += 1) {
      const without = Buffer.concat([small.subarray(0, at), small.subarray(at + 1)])
      const twice = Buffer.concat([small.subarray(0, at + 1), small.subarray(at)])
      for (const altered of [without, twice, small.subarray(0, at)]) {
        expect(checkBytes(altered), `byte ${at}`).toHaveProperty("problem")
      }
    }
    expect(checkBytes(Buffer.concat([small, Buffer.from("\n")]))).toHaveProperty("problem")
  })

  test("every bit of the last line, which nothing covers but its signature", () => {
    const start = small.lastIndexOf(10, small.length - 2) + 1
    for (let bit = start * 8; bit < small.length * 8; bit += 1) {
      const altered = Buffer.from(small)
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(checkBytes(altered), `bit ${bit}`).toHaveProperty("problem")
    }
  })

  test("every line left out, doubled, or swapped with the next one", () => {
    const lines = linesOf(whole)
    lines.forEach((line, index) => {
      expect(checkBytes(fileOf(lines.toSpliced(index, 1))), `without ${index}`).toHaveProperty("problem")
      expect(checkBytes(fileOf(lines.toSpliced(index, 0, line))), `twice ${index}`).toHaveProperty("problem")
      const next = lines[index + 1]
      if (next !== undefined)
        expect(checkBytes(fileOf(lines.toSpliced(index, 2, next, line))), `swapped ${index}`).toHaveProperty(
          "problem",
        )
    })
  })

  test("the line is named", () => {
    const lines = linesOf(whole)
    const at = lines.findIndex((line) => line.includes('"type":"DepositObserved"'))
    const altered = lines.with(at, (lines[at] ?? "").replace('"amount":"4', '"amount":"5'))
    expect(checkBytes(fileOf(altered))).toEqual({
      line: at + 1,
      problem: "its content does not give its hash",
    })
    const details = lines.findIndex((line) => line.includes("for the test"))
    expect(
      checkBytes(fileOf(lines.with(details, (lines[details] ?? "").replace("for the test", "for the rest")))),
    ).toEqual({ line: details + 1, problem: "its details do not give their hash" })
    const spaced = lines.with(at, (lines[at] ?? "").replace('"type":', '"type": '))
    expect(checkBytes(fileOf(spaced))).toEqual({ line: at + 1, problem: "it is not written as an event is" })
    expect(checkBytes(fileOf(lines.slice(0, -1)))).toMatchObject({
      line: null,
      problem: expect.stringMatching(/cut off/),
    })
  })

  test("a log that was forged with all of its hashes: by the key, by a checkpoint, by its balances", () => {
    const steal = (line: string) => line.replace('"reason_type":"reward"', '"reason_type":"reform"')
    const mine = forgeExport(whole, 4n, steal, otherKey)
    expect(checkBytes(mine)).toMatchObject({ signedBy: otherKey.keyId })
    expect(checkBytes(mine, { trustedKeys: [key.publicKey] })).toMatchObject({
      problem: expect.stringMatching(/none of the given ones/),
    })
    for (const note of notes) {
      const result = checkBytes(mine, { trustedKeys: [key.publicKey, otherKey.publicKey], notes: [note] })
      expect(result).toMatchObject({
        problem: expect.stringMatching(
          /the given checkpoint of \d+ events does not hold: the events do not give its root/,
        ),
      })
    }
    const richer = (line: string) => line.replace('"amount":"1"', '"amount":"2"')
    expect(checkBytes(forgeExport(whole, 4n, richer, null))).toMatchObject({
      problem: expect.stringMatching(/the log says/),
    })
    expect(checkBytes(forgeExport(whole, 4n, steal, null))).toMatchObject({ signedBy: null })
  })

  test("a checkpoint of another ledger, of another key, of a longer log, and what is none", async () => {
    const elsewhere = { ...ledger, ledgerId: await insertLedger(ledger.db) }
    await fillLedger(elsewhere, 2)
    await make(elsewhere)
    const foreign = (await readCheckpoint(ledger.db, elsewhere.ledgerId, "newest"))?.note ?? ""
    expect(checkBytes(whole, { notes: [foreign] })).toMatchObject({
      problem: expect.stringMatching(/it is of another ledger/),
    })
    expect(checkBytes(whole, { trustedKeys: [otherKey.publicKey], notes })).toMatchObject({
      line: 1,
      problem: expect.stringMatching(/signed it, and not/),
    })
    expect(checkBytes(whole, { notes: ["hello\n"] })).toMatchObject({
      problem: expect.stringMatching(/it is not a signed checkpoint/),
    })
    const part = await exportToBytes(ledger, { key, last: head - 1n })
    expect(checkBytes(part, { notes: notes.slice(-1) })).toMatchObject({
      line: null,
      problem: expect.stringMatching(/covers \d+ events, the file those from 1 to/),
    })
  })

  test("any byte of a larger one that is tried", async () => {
    const large = { ...ledger, ledgerId: await insertLedger(ledger.db) }
    await fillLedger(large, 3_000)
    await make(large)
    const bytes = await exportToBytes(large, { key })
    expect(checkBytes(bytes)).toMatchObject({ last: 3_010n })
    for (const [tried, numRuns] of [
      [whole, 1_000],
      [bytes, 40],
    ] as const) {
      assert(
        property(
          integer({ min: 0, max: tried.length - 1 }),
          integer({ min: 1, max: 255 }),
          (at, difference) => {
            const altered = Buffer.from(tried)
            altered[at] = (altered[at] ?? 0) ^ difference
            return "problem" in checkBytes(altered)
          },
        ),
        { numRuns },
      )
    }
  }, 120_000)
})

test("erased details: the chain holds, they are counted, and nobody says so of details that are there", async () => {
  const erasing = { ...ledger, ledgerId: await insertLedger(ledger.db) }
  await fillLedger(erasing, 5)
  const before = await exportToBytes(erasing, { key })
  const writer = createLedgerWriter({
    ...erasing,
    tokens: createTokenDirectory(ledger.db, erasing.ledgerId),
    logger: createLogger("test", "silent"),
  })
  const erased = await writer.execute({
    kind: "RedactDetails",
    operationId: "erase",
    sequence: 0,
    requestHash: Buffer.alloc(32, 9),
    route: "POST /admin/redactions",
    answerContext: {},
    positions: [6n, 7n],
    userId: null,
    reason: "asked for",
    requestedBy: "ann",
  })
  await writer.stop()
  expect(erased.outcome).toBe("recorded")
  const after = await exportToBytes(erasing, { key })
  expect(checkBytes(after)).toMatchObject({ last: 11n, redacted: 2, redactedLater: 0 })
  expect(checkBytes(await exportToBytes(erasing, { key, last: 10n }))).toMatchObject({
    redacted: 2,
    redactedLater: 2,
  })
  // Whoever kept the details cannot pass them on as if nothing had been erased.
  const kept = linesOf(after).with(6, linesOf(before)[6] ?? "")
  expect(checkBytes(fileOf(kept))).toMatchObject({
    problem: expect.stringMatching(/details of event 6 were erased: they are there/),
  })
})

describe("the commands", () => {
  const env = (extra: Record<string, string> = {}) => ({
    DATABASE_URL: ledger.database.appUrl,
    AUDIT_SIGNING_KEY: secret,
    ...extra,
  })
  const run = (args: readonly string[], environment = env()) => runCli(["audit", ...args], environment).ended

  test("export and verify, with a checkpoint, a key, and what is wrong with a line", async () => {
    const file = join(directory, "a.ndjson")
    const written = await run(["export", "--out", file, "--ledger", ledger.ledgerId])
    expect(written).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`public key ${key.publicKey.toString("hex")}`),
    })
    expect(readFileSync(file)).toEqual(whole)
    const note = join(directory, "a.note")
    writeFileSync(note, notes[1] ?? "")
    const good = await run(
      ["verify", file, "--checkpoint", note, "--public-key", key.publicKey.toString("hex")],
      {} as never,
    )
    expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining(`events 1 to ${head}`) })
    writeFileSync(file, whole.toString().replace('"amount":"40"', '"amount":"41"'))
    expect(await run(["verify", file], {} as never)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^FAILED .*, line \d+: its content does not give its hash\n$/),
    })
    writeFileSync(file, whole.subarray(0, whole.length - 100))
    expect(await run(["verify", file], {} as never)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("cut off"),
    })
  })

  test("a file that nobody signed is refused, unless that is meant or a checkpoint covers it", async () => {
    const file = join(directory, "b.ndjson")
    const written = await run(
      ["export", "--out", file, "--ledger", ledger.ledgerId],
      env({ AUDIT_SIGNING_KEY: "" }),
    )
    expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining("not signed") })
    expect(await run(["verify", file], {} as never)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("nobody signed it"),
    })
    expect((await run(["verify", file, "--allow-unsigned"], {} as never)).code).toBe(0)
    const note = join(directory, "b.note")
    writeFileSync(note, notes.at(-1) ?? "")
    const proven = await run(
      ["verify", file, "--checkpoint", note, "--public-key", key.publicKey.toString("hex")],
      {} as never,
    )
    expect(proven).toMatchObject({ code: 0, stdout: expect.stringContaining("not signed") })
  })

  test("what was asked wrongly is said in one sentence", async () => {
    const out = join(directory, "c.ndjson")
    const known = ["export", "--out", out, "--ledger", ledger.ledgerId]
    expect(await run([...known, "--from", "9", "--to", "3"])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/there are no events 9 to 3/),
    })
    expect(await run([...known, "--from", "0"])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/1 or more/),
    })
    expect(await run(known, env({ AUDIT_SIGNING_KEY: "secret" }))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/64 hex digits/),
    })
    expect(await run(["verify", join(directory, "nothing")], {} as never)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot be read/),
    })
    expect(await run(["verify", out, "--public-key", "aa"], {} as never)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/64 hex digits/),
    })
    expect(existsSync(out)).toBe(false)
  })

  test("killed in the middle, an export has not left half a file under its name", async () => {
    const large = { ...ledger, ledgerId: await insertLedger(ledger.db) }
    await fillLedger(large, 12_000)
    const file = join(directory, "killed.ndjson")
    const args = ["audit", "export", "--out", file, "--ledger", large.ledgerId]
    const killed = runCli(args, env())
    await waitUntil(async () => readdirSync(directory).some((name) => name.startsWith("killed.ndjson.")), {
      what: "it writes",
    })
    killed.child.kill("SIGKILL")
    expect((await killed.ended).code).toBe("SIGKILL")
    expect(existsSync(file)).toBe(false)
    expect((await runCli(args, env()).ended).code).toBe(0)
    expect(await checkExportFile(file, { trustedKeys: [key.publicKey], notes: [] })).toMatchObject({
      last: 12_010n,
    })
  })

  test("a log that does not give its hashes is not signed", async () => {
    const owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
    await owner.connect()
    const altered = { ...ledger, ledgerId: await insertLedger(ledger.db) }
    await fillLedger(altered, 5)
    await owner.query("SET session_replication_role = replica")
    await owner.query("UPDATE ledger.events SET amount = 9 WHERE ledger_id = $1 AND position = 7", [
      altered.ledgerId,
    ])
    await owner.end()
    await expect(exportToBytes(altered, { key })).rejects.toMatchObject({
      code: "LOG_ALTERED",
      message: expect.stringMatching(/event 7/),
    })
  })
})
