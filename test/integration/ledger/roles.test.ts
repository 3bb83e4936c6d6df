import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger?.close())

test.each<["UPDATE" | "DELETE", string, string?]>([
  ["UPDATE", "operations", "sequence"],
  ["UPDATE", "reversals", "position"],
  ["UPDATE", "balance_history", "pending"],
  ["UPDATE", "accounts", "address"],
  ["UPDATE", "events", "amount"],
  ["DELETE", "operations"],
  ["DELETE", "reversals"],
  ["DELETE", "balance_history"],
  ["DELETE", "accounts"],
  ["DELETE", "events"],
  ["DELETE", "head"],
  ["DELETE", "holds"],
  ["DELETE", "balances"],
])("the application may not %s ledger.%s", async (_verb, table, column) => {
  const target = sql.table(`ledger.${table}`)
  const statement =
    column === undefined
      ? sql`DELETE FROM ${target}`
      : sql`UPDATE ${target} SET ${sql.ref(column)} = ${sql.ref(column)}`
  await expect(statement.execute(ledger.db)).rejects.toThrow(/permission denied/)
})
