import { keyedWrite } from "../ledger/keyed-write.ts"
import { prepareDirected } from "../ledger/prepare-directed.ts"
import { adjustmentRefusals, recordAdjustments } from "../ledger/record-adjustments.ts"
import { plainRules } from "../ledger/resolve-adjustments.ts"
import { adjustmentAnswerExample, adjustmentAnswerSchema } from "../presenters/adjustment-answer.ts"
import { defineRoute } from "../route.ts"
import { distributeRewardsBodySchema } from "../validation/adjustment-schemas.ts"

const route = "/rewards/distribute"

export const distributeRewards = defineRoute({
  method: "post",
  path: route,
  tag: "Ledger",
  summary: "Credit the rewards of one activity, all or none",
  permission: "ledger.write",
  body: distributeRewardsBodySchema,
  answer: adjustmentAnswerSchema.openapi({
    example: { ...adjustmentAnswerExample, operation_id: "check_in_rewards_20241215" },
  }),
  refusals: adjustmentRefusals.filter(
    (code) => !["INSUFFICIENT_BALANCE", "DEBIT_NOT_SUPPORTED", "METADATA_NOT_ALLOWED"].includes(code),
  ),
  handle(services, { body, caller, context }) {
    const { batch_id = null, priority, reward_batch, recipients } = body
    const { activity_id, reward_type, token_symbol, chain_id } = reward_batch
    return recordAdjustments(services, {
      ...keyedWrite(route, { caller, body, context }),
      said: { priority, batch_id, reward_batch, recipients },
      businessBatchId: batch_id,
      rules: { ...plainRules(priority), list: "recipients", direction: "credited", isOwnMetadata: true },
      adjustmentsUnder: (registry) =>
        prepareDirected(
          registry,
          {
            group: "reward_batch",
            kindField: "reward_type",
            kind: reward_type,
            otherwise: "reward",
            token_symbol,
            chain_id,
          },
          recipients.map(({ user_id, amount, tier }) => ({
            user_id,
            amount,
            metadata: { activity_id, reward_type, ...(tier === undefined ? {} : { reward_tier: tier }) },
          })),
        ),
    })
  },
})
