import { randomBytes } from "node:crypto"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ensureLoginUsers, findOthersUser } from "../../cli/stack/login-users.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"

const suffix = randomBytes(4).toString("hex")
const users = {
  appUser: `chainbridge_app_${suffix}`,
  appPassword: "one",
  indexerUser: `chainbridge_indexer_${suffix}`,
  indexerPassword: "two",
}
let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  const client = new pg.Client(database.ownerUrl)
  await client.connect()
  for (const user of [users.appUser, users.indexerUser])
    await client.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`)
  await client.end()
  await database.drop()
})

test("users that somebody else logs in as are found by their password, and are left as they are", async () => {
  const { ownerUrl } = database
  expect(await findOthersUser(ownerUrl, users)).toBeUndefined()
  const { indexerUrl } = await ensureLoginUsers({ ownerUrl, ...users })
  expect(await findOthersUser(ownerUrl, users)).toBeUndefined()
  const others = { ...users, indexerPassword: "another" }
  expect(await findOthersUser(ownerUrl, others)).toBe(users.indexerUser)
  const indexer = new pg.Client(indexerUrl)
  await indexer.connect()
  await indexer.end()
})
