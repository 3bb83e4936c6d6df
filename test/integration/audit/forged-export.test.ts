import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import {
  adjusted,
  buildExport,
  change,
  type MadeUp,
  madeUpAddress,
  madeUpHash,
  noteOf,
  opened,
  place,
  withDetails,
} from "../../support/build-export.ts"
import { checkBytes } from "../../support/export-to-bytes.ts"

// Whoever has the key can write any file with every hash, root and signature right. What it says has to hold all the same, for both verifiers.

const program = join(import.meta.dirname, "..", "..", "..", "docs", "verify-export.py")
const hasPython = spawnSync("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).status === 0
const key = auditKeyOf(Buffer.alloc(32, 1))
const other = auditKeyOf(Buffer.alloc(32, 2))
const signed = (events: readonly MadeUp[], more: object = {}) => buildExport(events, { key, ...more }).bytes

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-forged-"))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** What the Python verifier says; null where there is no Python. */
function python(bytes: Buffer, notes: readonly string[] = [], keys = [key]): string | null {
  if (!hasPython) return null
  const file = join(directory, "export.ndjson")
  writeFileSync(file, bytes)
  const args = keys.flatMap(({ publicKey }) => ["--public-key", publicKey.toString("hex")])
  notes.forEach((note, index) => {
    writeFileSync(join(directory, `${index}.note`), note)
    args.push("--checkpoint", join(directory, `${index}.note`))
  })
  const { stdout, stderr } = spawnSync("python3", [program, file, ...args], { encoding: "utf8" })
  return (stdout + stderr).replace(file, "FILE")
}

const plain = [opened(1n), adjusted(1n, 5n, 5n), withDetails(adjusted(1n, 2n, 7n)), adjusted(1n, -1n, 6n)]
const bare = plain.map((event) => ({ ...event, detailsJson: null, salt: null }))
const redacted = (...positions: number[]): MadeUp => ({
  type: "DetailsRedacted",
  data: { positions, user_id: null, reason: "asked for", requested_by: "ann" },
})
const reversed = (amount: bigint, after: bigint, position: number) => {
  const data = { ...change, confirmed_after: "0", reversed_position: position }
  return adjusted(1n, amount, after, { type: "AdjustmentReversed", data })
}
const expiresAt = "2026-02-01T00:00:00.000Z"
const held = adjusted(1n, 0n, 5n, {
  type: "HoldPlaced",
  data: { ...change, amount: "3", expires_at: expiresAt },
})
const ended = (type: string, occurredAt: string, data: object) =>
  type === "HoldCaptured"
    ? adjusted(1n, -3n, 2n, {
        type,
        occurredAt: new Date(occurredAt),
        data: { ...change, captured: "3", released: "0", ...data },
      })
    : adjusted(1n, 0n, 5n, { type, occurredAt: new Date(occurredAt), data: { released: "3", ...data } })
const hold = [opened(1n), adjusted(1n, 5n, 5n), held]
const deposited = (after: bigint, data: object = {}) =>
  adjusted(1n, 5n, after, {
    type: "DepositObserved",
    data: { ...place, counterparty: madeUpAddress, ...data },
  })
const taken = { chain_id: place.chain_id, block_number: 1, block_hash: madeUpHash }
const revoked = (data: object, of: object = {}): MadeUp => ({
  type: "ConfirmationRevoked",
  data: {
    ...taken,
    revoked_position: 2,
    revoked_type: "DepositObserved",
    batch_sequence: null,
    accounts: [{ account_id: 1, settled: "0", amount: "5" }],
    reopened_account_ids: [],
    ...data,
  },
  ...of,
})
const anchored = (treeSize: number, logIndex: number): MadeUp => ({
  type: "CheckpointAnchored",
  data: {
    ...place,
    log_index: logIndex,
    tree_size: treeSize,
    root: madeUpHash,
    anchor: madeUpAddress,
  },
})

const good: readonly [string, Buffer][] = [
  ["changes", signed(plain)],
  ["checkpoints", signed(plain, { checkpoints: [2, 4] })],
  ["an erasure", signed([...bare, redacted(3)])],
  [
    "details with the names of fields",
    signed([
      opened(1n),
      withDetails(adjusted(1n, 5n, 5n), '{"metadata":{"a":1,"salt":"x","details":{"data":2}}}'),
    ]),
  ],
  ["a reversal", signed([...plain, reversed(-5n, 1n, 2)])],
  ["a capture", signed([...hold, ended("HoldCaptured", "2026-01-31T23:59:59.999Z", { hold_position: 3 })])],
  ["an expiry", signed([...hold, ended("HoldExpired", expiresAt, { hold_position: 3 })])],
  [
    "a deposit that was taken back, and came again",
    signed([
      opened(1n),
      deposited(5n),
      revoked({}, { accountId: 1n, amount: -5n, balanceAfter: 0n }),
      deposited(5n),
    ]),
  ],
  ["an anchor", signed([...plain, anchored(4, 1)])],
]

test.each(good)("%s: both verifiers agree that it holds", (_, bytes) => {
  expect(checkBytes(bytes)).not.toHaveProperty("problem")
  expect(python(bytes) ?? "ok ").toMatch(/^ok /)
})

const line = (at: number, from: RegExp | string, to: string | ((found: string) => string)) => ({
  line: (text: string, position: number) => (position === at ? text.replace(from, to as string) : text),
})
const forged: readonly [string, RegExp, Buffer][] = [
  [
    "a hash in upper case",
    /not written as an event/,
    signed(
      plain,
      line(2, /"hash":"\w+"/, (found) => `"hash"${found.slice(6).toUpperCase()}`),
    ),
  ],
  [
    "a hash with spaces",
    /not written as an event/,
    signed(
      plain,
      line(2, /"hash":"\w\w/, (found) => `${found} `),
    ),
  ],
  [
    "a number where text has to be",
    /not written as an event/,
    signed(plain, line(2, '"amount":"5"', '"amount":5')),
  ],
  [
    "a number with a zero before it",
    /not written as an event/,
    signed(plain, line(2, '"amount":"5"', '"amount":"05"')),
  ],
  [
    "a day that there is not",
    /not written as an event|day is out of range/,
    signed(plain, line(2, /2026-01-01/, "2026-02-30")),
  ],
  ["a checkpoint that is there twice", /twice/, signed(plain, { checkpoints: [2], checkpointsTwice: true })],
  [
    "an event that was recorded before the one before it",
    /line 3: .*recorded before/,
    signed([opened(1n), adjusted(1n, 5n, 5n, { recordedAt: new Date("2025-01-01") })]),
  ],
  ["details that were erased, and are there", /details of event 3/, signed([...plain, redacted(3)])],
  ["an erasure of what never was", /details of event 2/, signed([...plain, redacted(2)])],
  ["an erasure of what comes later", /redacted before|details of event 5/, signed([...bare, redacted(5)])],
  ["an erasure that is said twice", /redacted already|event 3/, signed([...bare, redacted(3), redacted(3)])],
  ["a reversal of another amount", /opposite/, signed([...plain, reversed(100n, 106n, 2)])],
  [
    "a reversal that is made twice",
    /reversed already|opposite/,
    signed([...plain, reversed(-5n, 1n, 2), reversed(-5n, -4n, 2)]),
  ],
  [
    "a reversal of a reversal",
    /no change|opposite/,
    signed([...plain, reversed(-5n, 1n, 2), reversed(5n, 6n, 5)]),
  ],
  [
    "a capture when the time was over",
    /lasts until|hold/,
    signed([...hold, ended("HoldCaptured", expiresAt, { hold_position: 3 })]),
  ],
  [
    "an expiry before that",
    /lasts until|hold/,
    signed([...hold, ended("HoldExpired", "2026-01-31T23:59:59.999Z", { hold_position: 3 })]),
  ],
  [
    "a hold that changes the balance",
    /changes the balance|moves/,
    signed([...hold.slice(0, 2), { ...held, amount: 1n, balanceAfter: 6n }]),
  ],
  [
    "one log of a chain that is confirmed twice",
    /confirmed already/,
    signed([opened(1n), deposited(5n), deposited(10n)]),
  ],
  [
    "a revocation that takes back something else",
    /revo|take/,
    signed([
      opened(1n),
      deposited(5n),
      revoked(
        { accounts: [{ account_id: 1, settled: "0", amount: "-1000" }] },
        { accountId: 1n, amount: 1_000n, balanceAfter: 1_005n },
      ),
    ]),
  ],
  [
    "a revocation of another block",
    /revo|take/,
    signed([
      opened(1n),
      deposited(5n),
      revoked({ block_number: 2 }, { accountId: 1n, amount: -5n, balanceAfter: 0n }),
    ]),
  ],
  [
    "a revocation of nothing",
    /revo|take/,
    signed([opened(1n), adjusted(1n, 5n, 5n), revoked({}, { accountId: 1n, amount: -5n, balanceAfter: 0n })]),
  ],
  [
    "details that are no JSON",
    /not written as an event|Expecting|no JSON/,
    signed([opened(1n), withDetails(adjusted(1n, 5n, 5n), "{nonsense")]),
  ],
  [
    "details that only Python reads",
    /not written as an event|no JSON/,
    signed([opened(1n), withDetails(adjusted(1n, 5n, 5n), "NaN")]),
  ],
  [
    "a salt beside details that are null",
    /details/,
    signed([opened(1n), withDetails(adjusted(1n, 5n, 5n), "null")]),
  ],
  [
    "a change of no account",
    /line 3: event 2: AdjustmentRecorded without an account|line 3: it has no account/,
    signed([opened(1n), { type: "AdjustmentRecorded", data: { ...change, confirmed_after: "0" } }]),
  ],
  [
    "half of an account",
    /not there together|not written as an event/,
    signed([opened(1n), { ...redacted(1), accountId: 1n }]),
  ],
  ["an account that is opened out of turn", /is opened after|out of turn/, signed([opened(2n)])],
  [
    "another account of the same user and token",
    /another account|has another one/,
    signed([opened(1n), { ...opened(2n), data: opened(1n).data }]),
  ],
  [
    "a hold of less than nothing",
    /breaks its schema|holds nothing/,
    signed([...hold.slice(0, 2), { ...held, data: { ...held.data, amount: "-3" } }]),
  ],
  [
    "a capture that gives back less than nothing",
    /breaks its schema|ends no hold/,
    signed([
      ...hold,
      {
        ...ended("HoldCaptured", "2026-01-31T23:59:59.999Z", {
          hold_position: 3,
          captured: "4",
          released: "-1",
        }),
        amount: -4n,
        balanceAfter: 1n,
      },
    ]),
  ],
  ["an account that opens with a balance", /moves|opens/, signed([{ ...opened(1n), amount: 5n }])],
]

test.each(forged)("%s: both verifiers refuse it", (_, said, bytes) => {
  const ours = checkBytes(bytes)
  const at = "problem" in ours ? `line ${ours.line}: ${ours.problem}` : "ok"
  expect(at).toMatch(said)
  expect(python(bytes) ?? `FAILED FILE, ${at}`).toMatch(/^FAILED FILE, line \d+: /)
  expect(python(bytes) ?? at).toMatch(said)
})

// docs/audit.md names these: the Python verifier leaves them to ours.
const sealed = (net: string): MadeUp => ({
  type: "SettlementSealed",
  data: {
    batch_sequence: 1,
    batch_id: madeUpHash,
    content_hash: madeUpHash,
    chain_id: place.chain_id,
    token_address: madeUpAddress,
    trigger: "schedule",
    accounts: [{ account_id: 1, net, positions: [2] }],
  },
})
const left: readonly [string, RegExp, Buffer][] = [
  ["one checkpoint that is anchored twice", /already/, signed([...plain, anchored(4, 1), anchored(4, 2)])],
  ["an anchor of events that are not there", /before they are there/, signed([...plain, anchored(5, 1)])],
  ["a batch whose net is another one", /add up to/, signed([...plain, sealed("6")])],
  [
    "a batch that is sealed twice",
    /batch 1 is sealed after 1 batches/,
    signed([...plain, sealed("5"), sealed("5")]),
  ],
  [
    "an unknown field of data",
    /breaks its schema/,
    signed([opened(1n), adjusted(1n, 5n, 5n, { data: { ...change, confirmed_after: "0", more: 1 } })]),
  ],
]

test.each(left)(
  "%s: ours refuses it, and the docs say that the other one does not look",
  (_, said, bytes) => {
    expect(checkBytes(bytes)).toMatchObject({ problem: expect.stringMatching(said) })
    expect(python(bytes) ?? "ok ").toMatch(/^ok /)
  },
)

test("details that are gone are counted by both, and those that nothing in the file says were erased", () => {
  expect(checkBytes(signed(bare))).toMatchObject({ redacted: 1, redactedLater: 1 })
  expect(python(signed(bare)) ?? "details erased: 1, 1 of them later").toContain(
    "details erased: 1, 1 of them later",
  )
  const said = signed([...bare, redacted(3)])
  expect(checkBytes(said)).toMatchObject({ redacted: 1, redactedLater: 0 })
  expect(python(said) ?? "details erased: 1, 0 of them later").toContain("details erased: 1, 0 of them later")
})

describe("given checkpoints", () => {
  const built = buildExport(plain, { key, checkpoints: [2, 4] })
  const real = built.notes.get(2) ?? ""
  const forgeries: readonly [string, string][] = [
    ["another root", noteOf(key, 2, Buffer.alloc(32, 9), Buffer.alloc(32, 8))],
    ["another last event", noteOf(key, 2, built.roots.get(2) ?? Buffer.alloc(32), Buffer.alloc(32, 8))],
  ]

  test.each(forgeries)("two of one size with %s are a fork, in whichever order", (_, forgery) => {
    for (const notes of [
      [real, forgery],
      [forgery, real],
    ]) {
      expect(checkBytes(built.bytes, { notes, trustedKeys: [key.publicKey] })).toMatchObject({
        problem: expect.stringMatching(/the key signed two pasts: two given checkpoints of 2 events differ/),
      })
      expect(python(built.bytes, notes) ?? "FAILED").toMatch(/^FAILED/)
    }
  })

  test("two that say the same are one", () => {
    const notes = [real, real]
    expect(checkBytes(built.bytes, { notes, trustedKeys: [key.publicKey] })).not.toHaveProperty("problem")
    expect(python(built.bytes, notes) ?? "ok ").toMatch(/^ok /)
  })

  test("a checkpoint of a key that is none of the given ones is refused", () => {
    const { bytes } = buildExport(plain, { key, checkpoints: [2], checkpointKey: other })
    expect(checkBytes(bytes, { trustedKeys: [key.publicKey] })).toMatchObject({ line: 4 })
    expect(python(bytes) ?? "FAILED").toMatch(/^FAILED/)
  })
})

test("the first line names a ledger by a UUID", () => {
  const bytes = Buffer.from(
    signed(plain)
      .toString()
      .replace(/"ledger_id":"2ea445cd/, '"ledger_id":"2ea445c'),
  )
  expect(checkBytes(bytes)).toMatchObject({ line: 1, problem: "it is not the first line of an export" })
  expect(python(bytes) ?? "FAILED FILE, line 1").toMatch(/^FAILED FILE, line 1/)
})
