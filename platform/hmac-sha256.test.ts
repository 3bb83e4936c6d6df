import { createHmac, randomBytes } from "node:crypto"
import { expect, it } from "vitest"
import { hmacSha256 } from "./hmac-sha256.ts"

it("is the HMAC of the standard library, whatever the length of the key and the text", () => {
  for (let length = 0; length <= 130; length += 1) {
    const key = randomBytes(length)
    const hmac = hmacSha256(key)
    const texts = ["", "a".repeat(length), "é€😀".repeat(length), randomBytes(length).toString("latin1")]
    // Again, as an earlier text must leave nothing behind.
    for (const text of [...texts, ...texts])
      expect(hmac(text).equals(createHmac("sha256", key).update(text).digest())).toBe(true)
  }
})
