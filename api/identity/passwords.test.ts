import { describe, expect, it } from "vitest"
import { createInitialPassword, createPasswords, findPasswordFault } from "./passwords.ts"

const cheap = { memoryKib: 1_024, passes: 1 }

describe("a stored password", () => {
  it("says how it was made, and is another one each time", async () => {
    const passwords = createPasswords(cheap)
    const stored = await passwords.hash("correct horse")
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=1024,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    expect(await passwords.hash("correct horse")).not.toBe(stored)
    expect(await passwords.verify(stored, "correct horse")).toEqual({ isRight: true, isOutdated: false })
    expect(await passwords.verify(stored, "correct house")).toEqual({ isRight: false, isOutdated: false })
    expect(await passwords.verify(null, "correct horse")).toEqual({ isRight: false, isOutdated: false })
  })

  it("is to be made anew when it is cheaper than it should be", async () => {
    const stored = await createPasswords(cheap).hash("correct horse")
    const dearer = createPasswords({ memoryKib: 2_048, passes: 1 })
    expect(await dearer.verify(stored, "correct horse")).toEqual({ isRight: true, isOutdated: true })
    expect(await dearer.verify(stored, "correct house")).toEqual({ isRight: false, isOutdated: false })
  })

  it("is the same from a keyboard that writes letters in another way", async () => {
    const passwords = createPasswords(cheap)
    const stored = await passwords.hash("caf\u00e9 \u2160 correct horse")
    expect(await passwords.verify(stored, "cafe\u0301 I correct horse")).toMatchObject({ isRight: true })
  })
})

it("two are worked on at once, some wait, and more are refused", async () => {
  const passwords = createPasswords(cheap)
  const all = await Promise.allSettled(Array.from({ length: 40 }, () => passwords.hash("x")))
  const refused = all.flatMap((result) => (result.status === "rejected" ? [result.reason] : []))
  expect(refused).toHaveLength(6)
  for (const error of refused) expect(error).toMatchObject({ code: "OVERLOADED", retryable: true })
  expect(await passwords.hash("x")).toBeDefined()
})

describe("a password that somebody chooses", () => {
  it.each([
    ["aaaaaaaaaaaa", "ann@example.com", /different characters/],
    ["abababababab", "ann@example.com", /different characters/],
    ["my ann@example.com", "ann@example.com", /e-mail address/],
    ["MY ANN@EXAMPLE.COM", "ann@example.com", /e-mail address/],
    ["johndoe42 is here", "johndoe42@example.com", /e-mail address/],
  ])("%s will not do", (password, email, fault) => expect(findPasswordFault(password, email)).toMatch(fault))

  it("may hold a short name that is in many words", () =>
    expect(findPasswordFault("a planned parenthesis", "ann@example.com")).toBeNull())
})

it("an initial password is long, legible and never the same", () => {
  const many = Array.from({ length: 200 }, createInitialPassword)
  for (const password of many) expect(password).toMatch(/^([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/)
  expect(new Set(many).size).toBe(many.length)
})
