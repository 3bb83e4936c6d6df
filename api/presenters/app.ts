import { z } from "@hono/zod-openapi"
import { timeAnswer } from "../validation/schemas.ts"

export type AppRow = {
  readonly app_id: string
  readonly ledger_id: string
  readonly name: string
  readonly created_at: Date
  readonly ordinal: bigint
}

export const appSchema = z.object({
  app_id: z.string(),
  ledger_id: z.string(),
  name: z.string(),
  created_at: timeAnswer,
})

export function presentApp({ app_id, ledger_id, name, created_at }: AppRow): z.infer<typeof appSchema> {
  return { app_id, ledger_id, name, created_at: created_at.toISOString() }
}
