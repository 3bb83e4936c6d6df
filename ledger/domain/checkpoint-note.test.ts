import { assert, integer, property } from "fast-check"
import { expect, test } from "vitest"
import { auditKeyOf, verifySignature } from "./audit-key.ts"
import { type Checkpoint, checkpointText, openNote, signedNote } from "./checkpoint-note.ts"

const key = auditKeyOf(Buffer.alloc(32, 7))
const checkpoint: Checkpoint = {
  ledgerId: "0190a5d4-5a3c-7c1e-8f00-000000000001",
  treeSize: 1_234n,
  root: Buffer.alloc(32, 0xab),
  headHash: Buffer.alloc(32, 0xcd),
  createdAt: new Date("2026-01-31T08:15:30.123Z"),
  keyId: key.keyId,
}
const note = signedNote({ checkpoint, signature: key.sign(checkpointText(checkpoint)) }, key.publicKey)

test("RFC 8032, 7.1, test 2", () => {
  const rfc = auditKeyOf(
    Buffer.from("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "hex"),
  )
  expect(rfc.publicKey.toString("hex")).toBe(
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  )
  const signature = rfc.sign("r")
  expect(signature.toString("hex")).toBe(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  )
  expect(verifySignature(rfc.publicKey, "r", signature)).toBe(true)
  expect(verifySignature(rfc.publicKey, "s", signature)).toBe(false)
})

test("a note says what was signed, line by line", () => {
  expect(note).toMatch(
    /^chainbridge\/ledger\/0190a5d4-5a3c-7c1e-8f00-000000000001\n1234\nq6ur.*=\nhead (cd){32}\ntime 2026-01-31T08:15:30\.123Z\nkey [0-9a-f]{32}\n\n— chainbridge\/ledger\/\S+ \S{92}\n$/,
  )
  expect(openNote(note, key.publicKey)).toMatchObject({ checkpoint })
})

test("a note in which any byte is another one is refused", () => {
  const bytes = Buffer.from(note)
  assert(
    property(
      integer({ min: 0, max: bytes.length - 1 }),
      integer({ min: 1, max: 255 }),
      (index, difference) => {
        const altered = Buffer.from(bytes)
        altered[index] = (altered[index] ?? 0) ^ difference
        expect(openNote(altered.toString(), key.publicKey)).toHaveProperty("problem")
      },
    ),
    { numRuns: 2_000 },
  )
})

test("a note of another key is refused, and so is one that was cut or continued", () => {
  const other = auditKeyOf(Buffer.alloc(32, 8))
  expect(openNote(note, other.publicKey)).toHaveProperty("problem", expect.stringContaining("signed it"))
  const theirs = signedNote({ checkpoint, signature: other.sign(checkpointText(checkpoint)) }, key.publicKey)
  expect(openNote(theirs, key.publicKey)).toHaveProperty("problem", "its signature does not hold")
  expect(openNote(note.slice(0, -1), key.publicKey)).toHaveProperty("problem")
  expect(openNote(`${note}\n`, key.publicKey)).toHaveProperty("problem")
})
