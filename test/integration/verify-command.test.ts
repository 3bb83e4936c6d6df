import { expect, it } from "vitest"
import { createPool } from "../../platform/postgres.ts"
import { runCli } from "../support/run-cli.ts"
import { startTestApi } from "../support/test-api.ts"

it("verify passes over no ledger that somebody has hidden", async () => {
  const api = await startTestApi()
  const { ledgerId } = api.app
  const owner = createPool({
    databaseUrl: api.database.ownerUrl,
    applicationName: "test",
    connectionsMax: 1,
  })
  const verify = (...options: string[]) =>
    runCli(["verify", ...options], { DATABASE_URL: api.database.appUrl }).ended
  try {
    await api.fund("ann", "1")
    expect(await verify()).toMatchObject({ code: 0, stdout: expect.stringContaining(`${ledgerId}: `) })
    const { name } = await api.db
      .selectFrom("registry.ledgers")
      .select("name")
      .where("ledger_id", "=", ledgerId)
      .executeTakeFirstOrThrow()
    expect(await verify("--ledger", name)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(ledgerId),
    })
    expect(await verify("--ledger", "nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(name),
    })
    await owner.query("SET session_replication_role = replica; DELETE FROM registry.ledgers")
    const { code, stdout } = await verify()
    expect(code).toBe(1)
    expect(stdout).toContain(`FAILED (not registered) ${ledgerId}: registry.ledgers does not have it`)
    // Not even where nothing but its log is left.
    for (const table of ["balances", "accounts", "head"]) await owner.query(`DELETE FROM ledger.${table}`)
    expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringContaining(ledgerId) })
  } finally {
    await owner.end()
    await api.close()
  }
})
