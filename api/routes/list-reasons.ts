import { z } from "@hono/zod-openapi"
import { priorities } from "../../ledger/domain/priority.ts"
import { defineRoute } from "../route.ts"

export const listReasons = defineRoute({
  method: "get",
  path: "/reasons",
  tag: "System",
  summary: "The reasons for which a balance may change",
  permission: "registry.read",
  answer: z.object({
    reasons: z.array(
      z.object({
        reason_type: z.string(),
        description: z.string(),
        allowed_metadata: z.array(z.string()),
        auto_batch: z.boolean(),
        priority: z.enum(priorities),
        business_type: z.string(),
        is_retired: z.boolean().openapi({ description: "No new change may name it" }),
      }),
    ),
  }),
  refusals: [],
  async handle(services) {
    const { reasons } = await services.registry.current()
    return {
      data: {
        reasons: [...reasons.values()].map((reason) => ({
          reason_type: reason.reasonType,
          description: reason.description,
          allowed_metadata: [...reason.allowedMetadata],
          auto_batch: reason.autoBatch,
          priority: reason.priority,
          business_type: reason.businessType,
          is_retired: reason.isRetired,
        })),
      },
    }
  },
})
