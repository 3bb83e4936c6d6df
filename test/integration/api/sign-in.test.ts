import { randomBytes } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createAccessTokens } from "../../../api/identity/access-tokens.ts"
import { defaultPasswordCost } from "../../../api/identity/passwords.ts"
import { attemptOf, countAttempt, countWithin } from "../../../api/identity/sign-in-attempts.ts"
import { createAddressList } from "../../../platform/address-list.ts"
import { seedPerson, signIn, type TestPerson, testIdentity, trySignIn } from "../../support/people.ts"
import { startReplica as startReplicaOf } from "../../support/start-replica.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

const trustedProxies = createAddressList(["127.0.0.1"])
let api: TestApi
beforeAll(async () => {
  api = await startTestApi({ identity: { ...testIdentity, trustedProxies } })
})
afterAll(() => api.close())

const [secret = Buffer.alloc(0)] = testIdentity.tokenSecrets
/** A block that there is ends so much later from now: the first one would be over after a second. */
async function moveBlock(hash: Buffer | null, to: string): Promise<{ firstSeconds: number }> {
  const read = sql<{ seconds: number }>`
    SELECT extract(epoch FROM blocked_until - last_at)::float8 AS seconds FROM registry.sign_in_attempts
    WHERE subject_hash = ${hash} AND blocked_until > last_at`
  const [before] = (await read.execute(api.db)).rows
  if (before === undefined) throw new Error("nothing is blocked")
  await sql`UPDATE registry.sign_in_attempts SET blocked_until = now() + ${to}::interval
    WHERE subject_hash = ${hash}`.execute(api.db)
  return { firstSeconds: before.seconds }
}

const codeOf = (reply: ApiReply) => reply.body.errors?.[0]?.code ?? reply.status
const me = async (headers: Record<string, string>) =>
  codeOf(await api.call("GET", "/api/v1/auth/me", undefined, headers))
const refresh = (refresh_token: string) =>
  api.call("POST", "/api/v1/auth/refresh", { refresh_token }, { authorization: "" })
const actions = async (personId: string) =>
  (
    await api.db
      .selectFrom("registry.audit_log")
      .select("action")
      .where("actor", "=", `person:${personId}`)
      .orderBy("entry_id")
      .execute()
  ).map(({ action }) => action)

describe("a sign-in", () => {
  it("gives tokens that let the person in, and stores neither them nor the password", async () => {
    const ann = await seedPerson(api, [{ role: "admin", appId: null }])
    const tokens = await signIn(api, { ...ann, email: ann.email.toUpperCase() })
    expect(tokens).toMatchObject({ token_type: "Bearer", expires_in: 900, person_id: ann.personId })
    const { body } = await api.call("GET", "/api/v1/auth/me", undefined, tokens.headers)
    expect(body.data).toMatchObject({ email: ann.email, roles: [{ role: "admin", app_id: null }] })
    const rows = await Promise.all(
      ["people", "sessions", "refresh_tokens", "audit_log"].map((table) =>
        sql`SELECT row_to_json(t)::text AS row FROM ${sql.table(`registry.${table}`)} t`.execute(api.db),
      ),
    )
    const stored = JSON.stringify(rows.map((result) => result.rows))
    expect(stored).toContain("$argon2id$v=19$m=4096,t=1,p=1$")
    for (const secret of [ann.password, tokens.access_token, tokens.refresh_token])
      expect(stored).not.toContain(secret)
    expect(await actions(ann.personId)).toEqual(["session.began"])
  })

  it("fails in one way, whatever is wrong", async () => {
    const ann = await seedPerson(api, [])
    const gone = await seedPerson(api, [])
    await sql`UPDATE registry.people SET disabled_at = now() WHERE person_id = ${gone.personId}`.execute(
      api.db,
    )
    const replies = [
      await trySignIn(api, { email: ann.email, password: "correct horse battery stapl" }),
      await trySignIn(api, { email: "nobody@example.com", password: ann.password }),
      await trySignIn(api, credentialsOf(gone)),
    ]
    const errors = replies.map(({ status, body }) => JSON.stringify([status, body.message, body.errors]))
    expect(new Set(errors).size).toBe(1)
    expect(codeOf(replies[0] as ApiReply)).toBe("INVALID_CREDENTIALS")
  })

  it("is as much work for nobody as for somebody", async () => {
    const ann = await seedPerson(api, [])
    // As hard as it is outside of tests: whatever else this process does is little beside it. Other processes do not count.
    const replica = await startReplica({ passwordCost: defaultPasswordCost, trustedProxies })
    await signIn({ ...api, call: replica.call }, ann)
    const work = async (email: string, index: number) => {
      const from = { "x-forwarded-for": `2001:db8:${index}::1` }
      const before = process.cpuUsage()
      await trySignIn({ ...api, call: replica.call }, { email, password: "wrong" }, from)
      const { user, system } = process.cpuUsage(before)
      return user + system
    }
    const pairs = await eachOf(3, async (index) => [
      await work(ann.email, index),
      await work(`nobody-${index}@example.com`, index),
    ])
    await replica.stop()
    const [somebody = 0, nobody = 0] = [0, 1].map((of) => Math.min(...pairs.map((pair) => pair[of] ?? 0)))
    expect(nobody / somebody).toBeGreaterThan(0.5)
    expect(nobody / somebody).toBeLessThan(2)
  })

  it("is held up more and more after failures, for the account and the address, known or not", async () => {
    const ann = await seedPerson(api, [])
    for (const email of [ann.email, `never-${ann.email}`]) {
      const attempts = await eachOf(7, async (index) => {
        if (index === 5)
          expect(await moveBlock(attemptOf(secret, email, null).account, "1 minute")).toEqual({
            firstSeconds: 1,
          })
        return trySignIn(api, { email, password: "wrong" }, { "x-forwarded-for": `203.0.113.${index}` })
      })
      expect(attempts.map(codeOf)).toEqual([
        ...Array(5).fill("INVALID_CREDENTIALS"),
        ...Array(2).fill("RATE_LIMITED"),
      ])
      expect(Number(attempts[6]?.headers.get("retry-after"))).toBeGreaterThan(0)
    }
    // The right password is held up as well, and is let in when the time is over.
    expect(codeOf(await trySignIn(api, credentialsOf(ann)))).toBe("RATE_LIMITED")
    await moveBlock(attemptOf(secret, ann.email, null).account, "1 second")
    await expect
      .poll(() => trySignIn(api, credentialsOf(ann)).then(codeOf), { timeout: 20_000, interval: 250 })
      .toBe(200)
    const from = { "x-forwarded-for": "198.51.100.7" }
    const many = await eachOf(32, async (index) => {
      if (index === 30)
        expect(await moveBlock(attemptOf(secret, "x", "198.51.100.7").address, "1 minute")).toEqual({
          firstSeconds: 1,
        })
      return trySignIn(api, { email: `x${index}@example.com`, password: "wrong" }, from)
    })
    expect(many.map(codeOf).lastIndexOf("INVALID_CREDENTIALS")).toBe(29)
    expect(codeOf(many[31] as ApiReply)).toBe("RATE_LIMITED")
  })

  it("is not held up by another from there that began later and was counted first", async () => {
    const from = (name: string) => attemptOf(secret, `${name}@example.com`, "198.51.100.8")
    const earlier = await api.db.transaction().execute(async (trx) => {
      await sql`SELECT now()`.execute(trx)
      expect(await countAttempt(api.db, from("later"))).toBeNull()
      return countWithin(trx, from("earlier"))
    })
    expect(earlier).toBeNull()
  })

  it("counts attempts that are made at once", async () => {
    const ann = await seedPerson(api, [])
    const attempts = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        trySignIn(api, { email: ann.email, password: "wrong" }, { "x-forwarded-for": `203.0.113.1${index}` }),
      ),
    )
    expect(attempts.map(codeOf).filter((code) => code === "INVALID_CREDENTIALS")).toHaveLength(5)
  })
})

describe("an access token", () => {
  it("is refused when it was changed, signed by somebody else, is too old or of no session", async () => {
    const ann = await seedPerson(api, [])
    const { access_token: token, headers } = await signIn(api, ann)
    expect(await me(headers)).toBe(200)
    const [head = "", payload = "", signature = ""] = token.split(".")
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as { sid: string }
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url")
    const subject = { personId: ann.personId, sessionId: claims.sid }
    const strange = createAccessTokens([randomBytes(32)])
    const ours = createAccessTokens(testIdentity.tokenSecrets as unknown as [Buffer])
    const longAgo = new Date(Date.now() - 16 * 60_000)
    const others = await seedPerson(api, [])
    for (const wrong of [
      `${head}.${payload}.${signature.replace(/^./, (c) => (c === "A" ? "B" : "A"))}`,
      `${none}.${payload}.`,
      (await strange.issue(subject, new Date())).token,
      (await ours.issue(subject, longAgo)).token,
      (await ours.issue({ ...subject, personId: others.personId }, new Date())).token,
      "x.y.z",
    ])
      expect(await me({ authorization: `Bearer ${wrong}` })).toBe("UNAUTHENTICATED")
    expect(await me({ authorization: `Bearer ${(await ours.issue(subject, new Date())).token}` })).toBe(200)
    // A person's token is no key.
    expect(await me({ authorization: "", "x-api-key": token })).toBe("UNAUTHENTICATED")
  })

  it("is believed with an earlier secret while a new one signs", async () => {
    const old = testIdentity.tokenSecrets[0]
    const next = randomBytes(32)
    const both = createAccessTokens([next, old])
    const subject = { personId: "p", sessionId: "s" }
    const { token } = await createAccessTokens([old]).issue(subject, new Date())
    expect(await both.verify(token)).toMatchObject(subject)
    expect(
      await createAccessTokens([old]).verify((await both.issue(subject, new Date())).token),
    ).toBeUndefined()
  })
})

it("a session that one replica ends is over at the others at once", async () => {
  const { headers } = await signIn(api, await seedPerson(api, []))
  // It would believe for a minute what it knows of the session, did nobody tell it.
  const replica = await startReplicaOf(api, testIdentity, 0, { keyMaxAgeMs: 60_000 })
  const seen = async () => (await replica.call("GET", "/api/v1/auth/me", undefined, headers)).status
  expect(await seen()).toBe(200)
  await api.call("POST", "/api/v1/auth/logout", undefined, headers)
  await expect.poll(seen, { interval: 20 }).toBe(401)
  await replica.stop()
})

describe("a refresh token", () => {
  it("is exchanged once; used again it ends the session and what came of it", async () => {
    const ann = await seedPerson(api, [])
    const first = await signIn(api, ann)
    const elsewhere = await signIn(api, ann)
    const second = (await refresh(first.refresh_token)).body.data
    const headers = { authorization: `Bearer ${second.access_token}` }
    expect(await me(headers)).toBe(200)
    expect(codeOf(await refresh(first.refresh_token))).toBe("UNAUTHENTICATED")
    expect(await me(headers)).toBe("UNAUTHENTICATED")
    expect(codeOf(await refresh(second.refresh_token))).toBe("UNAUTHENTICATED")
    expect(await me(elsewhere.headers)).toBe(200)
    expect(await actions(ann.personId)).toContain("session.reuse_found")
  })

  it("of which two are used at once lets one in, and then nobody", async () => {
    const { refresh_token } = await signIn(api, await seedPerson(api, []))
    const both = await Promise.all([refresh(refresh_token), refresh(refresh_token)])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401])
    const next = both.find(({ status }) => status === 200)?.body.data
    expect(codeOf(await refresh(next.refresh_token))).toBe("UNAUTHENTICATED")
  })

  it("ends with its time", async () => {
    const { refresh_token } = await signIn(api, await seedPerson(api, []))
    await sql`UPDATE registry.refresh_tokens SET expires_at = now() WHERE spent_at IS NULL`.execute(api.db)
    expect(codeOf(await refresh(refresh_token))).toBe("UNAUTHENTICATED")
    expect(codeOf(await refresh("cbr_nothing"))).toBe("UNAUTHENTICATED")
  })
})

describe("a session", () => {
  it("ends with a sign-out, and all of them with one everywhere", async () => {
    const ann = await seedPerson(api, [])
    const sessions = await eachOf(3, () => signIn(api, ann))
    const [first, second, third] = sessions.map(({ headers }) => headers)
    await api.call("POST", "/api/v1/auth/logout", undefined, first)
    expect([await me(first ?? {}), await me(second ?? {})]).toEqual(["UNAUTHENTICATED", 200])
    const all = await api.call("POST", "/api/v1/auth/logout-all", undefined, second)
    expect(all.body.data.sessions_ended).toBe(2)
    expect([await me(second ?? {}), await me(third ?? {})]).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED"])
    for (const { refresh_token } of sessions) expect((await refresh(refresh_token)).status).toBe(401)
  })

  it("ends with the password, save the one that changed it", async () => {
    const ann = await seedPerson(api, [])
    const [mine, stolen] = await eachOf(2, () => signIn(api, ann))
    const change = (current_password: string, new_password: string) =>
      api.call("POST", "/api/v1/auth/password", { current_password, new_password }, mine?.headers)
    expect(codeOf(await change("wrong", "another long password"))).toBe("INVALID_CREDENTIALS")
    expect(codeOf(await change(ann.password, "short"))).toBe("INVALID_FIELD")
    expect(codeOf(await change(ann.password, "aaaaaaaaaaaa"))).toBe("INVALID_FIELD")
    expect(codeOf(await change(ann.password, "another long password"))).toBe(200)
    expect([await me(mine?.headers ?? {}), await me(stolen?.headers ?? {})]).toEqual([200, "UNAUTHENTICATED"])
    expect(codeOf(await trySignIn(api, credentialsOf(ann)))).toBe("INVALID_CREDENTIALS")
    expect((await signIn(api, { ...ann, password: "another long password" })).access_token).toBeDefined()
  })
})

it("a stronger hash replaces a weaker one when its password comes by", async () => {
  const ann = await seedPerson(api, [])
  const replica = await startReplica({ passwordCost: { memoryKib: 8_192, passes: 1 } })
  await signIn({ ...api, call: replica.call }, ann)
  await replica.stop()
  const { password_hash } = await api.db
    .selectFrom("registry.people")
    .select("password_hash")
    .where("person_id", "=", ann.personId)
    .executeTakeFirstOrThrow()
  expect(password_hash).toContain("m=8192,t=1")
  expect((await signIn(api, ann)).access_token).toBeDefined()
})

it("nobody signs in where there is no secret", async () => {
  const plain = await startReplica({ tokenSecrets: [] })
  const reply = await trySignIn({ ...api, call: plain.call }, { email: "a@example.com", password: "x" })
  expect(codeOf(reply)).toBe("SIGN_IN_UNAVAILABLE")
  await plain.stop()
})

const startReplica = (identity: object) => startReplicaOf(api, { ...testIdentity, ...identity })

const credentialsOf = ({ email, password }: TestPerson) => ({ email, password })

async function eachOf<Result>(count: number, work: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  for (let index = 0; index < count; index += 1) results.push(await work(index))
  return results
}
