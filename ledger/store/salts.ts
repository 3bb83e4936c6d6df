import { randomBytes } from "node:crypto"

const saltLength = 16
const poolLength = 1_024 * saltLength
let pool = Buffer.alloc(0)
let taken = 0

/** 16 random bytes. They come from the system a thousand salts at a time: asking once for each costs more than all the rest of an event. */
export function takeSalt(): Buffer {
  if (taken + saltLength > pool.length) {
    pool = randomBytes(poolLength)
    taken = 0
  }
  taken += saltLength
  return pool.subarray(taken - saltLength, taken)
}
