import { z } from "@hono/zod-openapi"
import { timeAnswer } from "../validation/schemas.ts"

export type ActionRow = {
  readonly entry_id: bigint
  readonly at: Date
  readonly ledger_id: string | null
  readonly actor: string
  readonly action: string
  readonly subject: string | null
  readonly before: unknown
  readonly after: unknown
  readonly request_id: string | null
  readonly address: string | null
}

const anything = z.record(z.string(), z.unknown()).nullable()

export const actionSchema = z.object({
  entry_id: z.string(),
  at: timeAnswer,
  concerns: z.enum(["app", "installation"]),
  actor: z.string().openapi({ description: "`key:<key_id>`, `person:<person_id>` or `command:<user>`" }),
  action: z.string().openapi({ example: "settlement.paused" }),
  subject: z.string().nullable(),
  before: anything,
  after: anything,
  request_id: z.string().nullable(),
  address: z.string().nullable(),
})

export function presentAction(row: ActionRow): z.infer<typeof actionSchema> {
  return {
    entry_id: row.entry_id.toString(),
    at: row.at.toISOString(),
    concerns: row.ledger_id === null ? "installation" : "app",
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    before: row.before as z.infer<typeof anything>,
    after: row.after as z.infer<typeof anything>,
    request_id: row.request_id,
    address: row.address,
  }
}
