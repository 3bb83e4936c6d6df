import { keyedWrite } from "../ledger/keyed-write.ts"
import { adjustmentRefusals, recordAdjustments } from "../ledger/record-adjustments.ts"
import { plainRules } from "../ledger/resolve-adjustments.ts"
import {
  assetAdjustmentAnswerExample,
  assetAdjustmentAnswerSchema,
  presentAssetAdjustments,
} from "../presenters/asset-adjustment-answer.ts"
import { defineRoute } from "../route.ts"
import { adjustAssetsBodySchema } from "../validation/adjustment-schemas.ts"

const route = "/assets/adjust"

export const adjustAssets = defineRoute({
  method: "post",
  path: route,
  tag: "Ledger",
  summary:
    "Record signed changes of balances, all or none, with a say in their business type and their batch",
  permission: "ledger.write",
  body: adjustAssetsBodySchema,
  answer: assetAdjustmentAnswerSchema.openapi({ example: assetAdjustmentAnswerExample }),
  refusals: adjustmentRefusals,
  handle(services, { body, caller, context }) {
    const { batch_id = null, batch_preference, adjustments } = body
    const { priority, max_wait_time = null, force_immediate: isImmediate } = batch_preference
    return recordAdjustments(services, {
      ...keyedWrite(route, { caller, body, context }),
      said: { batch_preference, batch_id, adjustments },
      businessBatchId: batch_id,
      rules: { ...plainRules(priority), isImmediate, maxWaitMs: max_wait_time },
      adjustmentsUnder: () => adjustments,
      present: presentAssetAdjustments,
    })
  },
})
