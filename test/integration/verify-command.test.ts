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
  const verify = () => runCli(["verify"], { DATABASE_URL: api.database.appUrl }).ended
  try {
    await api.fund("ann", "1")
    expect(await verify()).toMatchObject({ code: 0, stdout: expect.stringContaining(`${ledgerId}: `) })
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
