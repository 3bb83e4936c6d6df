import { randomBytes } from "node:crypto"
import { expect, it } from "vitest"
import { createSecretBox } from "./secret-box.ts"

const [older, newer] = [randomBytes(32), randomBytes(32)]
const secret = Buffer.from("a secret of 32 bytes, or nearly.")

it("opens what it has sealed, also after the key was exchanged", () => {
  const sealed = createSecretBox([older]).seal(secret, "endpoint 1")
  expect(sealed.includes(secret)).toBe(false)
  const exchanged = createSecretBox([newer, older])
  expect(exchanged.open(sealed, "endpoint 1")).toEqual(secret)
  expect(createSecretBox([newer]).open(exchanged.seal(secret, "endpoint 1"), "endpoint 1")).toEqual(secret)
})

it("seals the same secret differently each time", () => {
  const box = createSecretBox([older])
  expect(box.seal(secret, "endpoint 1")).not.toEqual(box.seal(secret, "endpoint 1"))
})

it("opens nothing with another key, for another place, or after a change of one bit", () => {
  const box = createSecretBox([older])
  const sealed = box.seal(secret, "endpoint 1")
  expect(() => createSecretBox([newer]).open(sealed, "endpoint 1")).toThrow(/key that is not known/)
  expect(() => box.open(sealed, "endpoint 2")).toThrow(/changed, or belongs elsewhere/)
  for (let at = 8; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(() => box.open(changed, "endpoint 1")).toThrow(/cannot be read/)
  }
})
