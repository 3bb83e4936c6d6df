import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { openSecrets } from "./secrets.ts"

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-secrets-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test("secrets are made once and stay, readable by their owner alone", () => {
  const made = openSecrets(directory)
  expect(made.audit_signing_key).toMatch(/^[0-9a-f]{64}$/)
  expect(openSecrets(directory)).toEqual(made)
  expect(statSync(join(directory, "secrets.json")).mode & 0o777).toBe(0o600)
})

test.each(["audit_signing_key", "auth_token_secret", "webhook_secret_key"] as const)(
  "a directory without %s gets one, and keeps everything else",
  (name) => {
    const { [name]: key, ...earlier } = openSecrets(directory)
    writeFileSync(join(directory, "secrets.json"), JSON.stringify(earlier))
    const completed = openSecrets(directory)
    expect(completed).toMatchObject(earlier)
    expect(completed[name]).toMatch(/^[0-9a-f]{64}$/)
    expect(completed[name]).not.toBe(key)
    expect(JSON.parse(readFileSync(join(directory, "secrets.json"), "utf8"))).toEqual(completed)
  },
)

test("secrets that were cut short are named, not repeated, and stay as they are", () => {
  const path = join(directory, "secrets.json")
  writeFileSync(path, '{ "postgres_password": "hush')
  expect(() => openSecrets(directory)).toThrow(
    `${path} is not the JSON that was written there: bring it back`,
  )
  expect(readFileSync(path, "utf8")).toBe('{ "postgres_password": "hush')
})
