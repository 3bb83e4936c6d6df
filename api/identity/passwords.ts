import { randomBytes } from "node:crypto"
import { hash, parseOptions, verify } from "@node-rs/argon2"
import { ChainBridgeError } from "../../platform/errors.ts"

export type PasswordCost = { readonly memoryKib: number; readonly passes: number }

/** What a guess costs: see docs/decisions/sign-in.md. */
export const defaultPasswordCost: PasswordCost = { memoryKib: 65_536, passes: 3 }

export type Passwords = {
  /** @throws ChainBridgeError OVERLOADED (retryable) where too many wait */
  hash(password: string): Promise<string>
  /**
   * As much work for nobody's password as for somebody's.
   * @param stored null where there is none
   */
  verify(
    stored: string | null,
    password: string,
  ): Promise<{ readonly isRight: boolean; readonly isOutdated: boolean }>
}

/** Each takes a thread of the process and the memory above: the requests of keys are not to wait for them. */
const atOnceMax = 2
const waitingMax = 32

/** Argon2id, version 1.3, one lane, a salt of 16 bytes, 32 bytes of hash, in the PHC format. */
export function createPasswords(cost: PasswordCost = defaultPasswordCost): Passwords {
  const inTurn = createTurns()
  const options = { memoryCost: cost.memoryKib, timeCost: cost.passes, parallelism: 1 }
  const nobodys = makeNobodysHash(cost)
  return {
    hash: (password) => inTurn(() => hash(normalise(password), options)),
    async verify(stored, password) {
      const isRight = await inTurn(() => verify(stored ?? nobodys, normalise(password)))
      if (stored === null || !isRight) return { isRight: false, isOutdated: false }
      const { memoryCost, timeCost, parallelism } = parseOptions(stored)
      const isOutdated =
        memoryCost !== options.memoryCost || timeCost !== options.timeCost || parallelism !== 1
      return { isRight, isOutdated }
    },
  }
}

/** The same characters come from another keyboard as other code points. */
function normalise(password: string): string {
  return password.normalize("NFKC")
}

/** It is the hash of nothing that anybody knows, and is as much work to compare with. */
function makeNobodysHash({ memoryKib, passes }: PasswordCost): string {
  const base64 = (bytes: number) => randomBytes(bytes).toString("base64").replaceAll("=", "")
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${base64(16)}$${base64(32)}`
}

function createTurns(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running >= atOnceMax) {
      if (waiting.length >= waitingMax)
        throw new ChainBridgeError("OVERLOADED", "too many people sign in at once; try again in a moment", {
          retryable: true,
        })
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running += 1
    try {
      return await work()
    } finally {
      // Whose turn it is next takes this one's place.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}

/** For somebody to write down and exchange: 80 bits, without characters that look like others. */
export function createInitialPassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789"
  const characters = [...randomBytes(64)].filter((byte) => byte < 248).map((byte) => letters[byte % 31] ?? "")
  return (characters.slice(0, 20).join("").match(/.{5}/g) ?? []).join("-")
}

/** Why a password will not do; null where it will. */
export function findPasswordFault(password: string, email: string): string | null {
  const folded = normalise(password).toLowerCase()
  if (new Set(folded).size < 5) return "use at least five different characters"
  const [name = ""] = email.split("@")
  if (folded.includes(email) || (name.length >= 8 && folded.includes(name)))
    return "leave your e-mail address out of it"
  return null
}
