import { CompiledQuery, type Transaction } from "kysely"
import type { OperatorAction } from "../domain/operator-action.ts"
import type { Database } from "./database.ts"
import type { Statement } from "./statement.ts"

/** Puts an entry into the audit log; to be run in the transaction of what it tells. */
export function actionStatement(action: OperatorAction): Statement {
  const { ledgerId, actor, subject, before = null, after = null, requestId, address } = action
  return {
    name: "registry-record-action",
    text: `INSERT INTO registry.audit_log (ledger_id, actor, action, subject, before, after, request_id, address)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [ledgerId, actor, action.action, subject, toJson(before), toJson(after), requestId, address],
  }
}

function toJson(value: object | null): string | null {
  if (value === null) return null
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? part.toString() : part))
}

/** The same in a transaction of Kysely's. */
export async function recordAction(trx: Transaction<Database>, action: OperatorAction): Promise<void> {
  const { text, values } = actionStatement(action)
  await trx.executeQuery(CompiledQuery.raw(text, [...values]))
}
