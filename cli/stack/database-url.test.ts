import pg from "pg"
import { expect, test } from "vitest"
import { checkDatabaseUrl, urlOfUser } from "./database-url.ts"

test.each([
  "postgres://owner:secret@db/name",
  "postgres://db/name?user=owner&password=secret",
  "postgresql://owner:secret@db:5433/name?sslmode=disable&user=owner",
  "postgres://owner@localhost/name?host=/run/postgresql",
])("the roles log in to %s as themselves", (owner) => {
  const { user, password, host, port, database } = new pg.Client(urlOfUser(owner, "app", "p@s/s %"))
  const before = new pg.Client(owner)
  expect({ user, password }).toEqual({ user: "app", password: "p@s/s %" })
  expect({ host, port, database }).toEqual({
    ...{ host: before.host, port: before.port, database: before.database },
  })
})

test("a URL that no user can be put into is refused, since everything would run as the owner", () => {
  expect(() => urlOfUser("postgres:///name?host=/run/postgresql", "app", "secret")).toThrow(
    "DATABASE_URL has no host",
  )
})

test("blanks around a URL are none of it, and what is no URL is not repeated", () => {
  expect(checkDatabaseUrl(" postgres://owner:secret@db/name\n")).toBe("postgres://owner:secret@db/name")
  expect(() => checkDatabaseUrl("owner:secret@db")).toThrow(
    /^DATABASE_URL is not a URL of PostgreSQL; allowed: /,
  )
})
