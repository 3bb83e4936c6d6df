import { z } from "@hono/zod-openapi"
import { holdSchema, presentHold } from "../presenters/hold.ts"
import { decodeHoldId } from "../presenters/hold-id.ts"
import { readHold } from "../queries/holds.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { holdIdSchema } from "../validation/hold-schemas.ts"

export const getHold = defineRoute({
  method: "get",
  path: "/balance/holds/{hold_id}",
  tag: "Ledger",
  summary: "One hold, open or ended",
  permission: "ledger.read",
  params: z.object({ hold_id: holdIdSchema }),
  answer: holdSchema,
  refusals: ["UNKNOWN_HOLD"],
  async handle(services, { params, caller }) {
    const { ledgerId } = caller
    const position = decodeHoldId(ledgerId, params.hold_id)
    const row = position === undefined ? undefined : await readHold(services.db, ledgerId, position)
    if (row === undefined)
      return refuse("UNKNOWN_HOLD", "hold_id", "pass a hold_id of an answer to this app's keys, unchanged")
    return { data: presentHold(await services.registry.current(), ledgerId, row, new Date()) }
  },
})
