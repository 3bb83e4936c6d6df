import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { inherited } from "../support/inherited.ts"
import { seedPerson, signIn, testIdentity, trySignIn } from "../support/people.ts"
import { runCli } from "../support/run-cli.ts"
import { startTestApi, type TestApi } from "../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi({ identity: testIdentity })
})
afterAll(() => api.close())

const run = (...args: string[]) => runCli(args, { DATABASE_URL: api.database.appUrl }).ended
const use = async (key: string) =>
  (await api.call("GET", "/api/v1/tokens", undefined, { authorization: `Bearer ${key}` })).status
const entries = async (action: string) =>
  api.db.selectFrom("registry.audit_log").selectAll().where("action", "=", action).execute()

describe("chainbridge keys", () => {
  it("creates, lists, rotates and revokes, and says so in the audit log", async () => {
    const made = await run(
      ...["keys", "create", "--app", "till", "--scope", "ledger:read", "--name", "front desk"],
      ...["--allow-from", "127.0.0.1"],
    )
    expect([made.code, made.stderr]).toEqual([0, ""])
    const key = made.stdout.trim()
    expect(await use(key)).toBe(200)
    const listed = await run("keys", "list", "--app", "till")
    const [keyId = ""] = listed.stdout.split(",")
    expect(listed.stdout).toContain(`till, ${key.slice(0, 8)}…, active, ledger:read, from 127.0.0.1/32`)
    expect(listed.stdout).toContain('"front desk"')
    const rotated = await run("keys", "rotate", keyId, "--overlap", "600")
    expect([await use(key), await use(rotated.stdout.trim())]).toEqual([200, 200])
    const again = await run("keys", "rotate", keyId)
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("was issued in its place")])
    expect((await run("keys", "revoke", keyId)).stdout).toContain(`key ${keyId} was revoked at`)
    await expect.poll(() => use(key)).toBe(401)
    expect(await use(rotated.stdout.trim())).toBe(200)
    for (const action of ["app.created", "key.created", "key.rotated", "key.revoked"])
      expect((await entries(action)).at(-1)).toMatchObject({
        actor: expect.stringMatching(/^command:./),
        request_id: null,
      })
  })

  it("makes a key that may do what concerns every app only where it is told to", async () => {
    const make = async (...more: string[]) => {
      const { stdout } = await run("keys", "create", "--app", "till", "--scope", "admin", ...more)
      const headers = { authorization: `Bearer ${stdout.trim()}` }
      return (await api.call("GET", "/api/v1/admin/people", undefined, headers)).status
    }
    expect([await make(), await make("--installation")]).toEqual([403, 200])
  })

  it.each([
    [["keys", "revoke", "nothing"], "there is no key nothing"],
    [["keys", "list", "--app", "nobodys"], 'there is no app "nobodys"'],
    [["keys", "create", "--app", "till", "--allow-from", "10.0.0.1/8"], "write 10.0.0.0/8"],
    [["keys", "create", "--app", "till", "--expires", "yesterday"], "a time in the future"],
  ])("says what is wrong: %j", async (args, message) => {
    const { code, stderr } = await run(...args)
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
  })
})

describe("chainbridge admin create", () => {
  it("takes the password from what is piped in, and lets the first admin in", async () => {
    const password = "a password from a pipe"
    const { code, stdout, stderr } = await pipe(`${password}\n`, "--email", "Ann@Example.com")
    expect([code, stdout, stderr]).toEqual([0, "", "made ann@example.com admin for all apps\n"])
    const ann = { email: "ann@example.com", password }
    const { headers } = await signIn(api, ann)
    const people = await api.call("GET", "/api/v1/admin/people", undefined, headers)
    expect(people.body.data.people[0]).toMatchObject({
      email: ann.email,
      roles: [{ role: "admin", app_id: null }],
      created_by: expect.stringMatching(/^command:/),
    })
    const again = await pipe(`${password}\n`, "--email", "ann@example.com")
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining("somebody has the e-mail address"),
    ])
  })

  it("prints one that the first sign-in exchanges", async () => {
    const { stdout } = await run("admin", "create", "--email", "bob@example.com", "--generate")
    const bob = { email: "bob@example.com", password: stdout.trim() }
    expect(bob.password).toMatch(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/)
    const refused = await trySignIn(api, bob)
    expect([refused.status, refused.body.errors?.[0]?.code]).toEqual([403, "PASSWORD_CHANGE_REQUIRED"])
    const same = await trySignIn(api, { ...bob, new_password: bob.password })
    expect(same.body.errors?.[0]).toMatchObject({ code: "INVALID_FIELD", field: "new_password" })
    expect((await trySignIn(api, { ...bob, new_password: "a password of my own" })).status).toBe(200)
    expect((await trySignIn(api, bob)).status).toBe(401)
    expect((await signIn(api, { ...bob, password: "a password of my own" })).access_token).toBeDefined()
  })

  it("refuses a weak password and an address that is none, and knows no password among its arguments", async () => {
    expect((await pipe("short\n", "--email", "eve@example.com")).stderr).toContain("at least 12 characters")
    expect((await pipe("x\n", "--email", "eve")).stderr).toContain("write an e-mail address")
    const argument = await pipe("", "--email", "eve@example.com", "--password", "secret secret secret")
    expect([argument.code, argument.stderr]).toEqual([1, expect.stringContaining("unknown option")])
  })
})

it("people that the last admin leaves behind would let nobody in: he cannot go", async () => {
  const ann = await seedPerson(api, [{ role: "admin", appId: null }])
  const { headers } = await signIn(api, ann)
  await api.db.deleteFrom("registry.person_roles").where("person_id", "<>", ann.personId).execute()
  const path = `/api/v1/admin/people/${ann.personId}`
  const codeOf = async (what: string, body?: object) =>
    (await api.call("POST", `${path}/${what}`, body, headers)).body.errors?.[0]?.code
  expect(await codeOf("disable")).toBe("LAST_ADMIN")
  expect(await codeOf("roles", { roles: [{ role: "admin", app_id: api.app.appId }] })).toBe("LAST_ADMIN")
  expect((await api.call("GET", "/api/v1/auth/me", undefined, headers)).status).toBe(200)
})

/** As a shell does: `echo … | chainbridge admin create …`. */
function pipe(
  input: string,
  ...args: string[]
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url))
  const child = spawn(process.execPath, [main, "admin", "create", ...args], {
    env: { ...inherited, DATABASE_URL: api.database.appUrl },
  })
  const said = { stdout: "", stderr: "" }
  child.stdout.on("data", (chunk: Buffer) => {
    said.stdout += chunk.toString()
  })
  child.stderr.on("data", (chunk: Buffer) => {
    said.stderr += chunk.toString()
  })
  child.stdin.on("error", () => undefined)
  child.stdin.end(input)
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, ...said }))
  })
}
