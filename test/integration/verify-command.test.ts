import { expect, it } from "vitest"
import { createPool } from "../../platform/postgres.ts"
import { runCli } from "../support/run-cli.ts"
import { createTestLedger } from "../support/test-ledger.ts"

it("verify passes over no ledger that somebody has hidden", async () => {
  const ledger = await createTestLedger()
  const owner = createPool({
    databaseUrl: ledger.database.ownerUrl,
    applicationName: "test",
    connectionsMax: 1,
  })
  const verify = () => runCli(["verify"], { DATABASE_URL: ledger.database.appUrl }).ended
  try {
    expect(await verify()).toMatchObject({ code: 0, stdout: expect.stringContaining(`${ledger.ledgerId}: `) })
    await owner.query("SET session_replication_role = replica; DELETE FROM registry.ledgers")
    const { code, stdout } = await verify()
    expect(code).toBe(1)
    expect(stdout).toContain(`FAILED (not registered) ${ledger.ledgerId}: registry.ledgers does not have it`)
  } finally {
    await owner.end()
    await ledger.close()
  }
})
