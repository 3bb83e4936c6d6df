import { z } from "@hono/zod-openapi"
import { presentTransaction, tokenOf, transactionSchema } from "../presenters/change.ts"
import { decodeTxId } from "../presenters/tx-id.ts"
import { readChange } from "../queries/changes.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

export const getTransaction = defineRoute({
  method: "get",
  path: "/transaction/{transaction_id}",
  tag: "Ledger",
  summary: "One adjustment, deposit or withdrawal: status, hash, confirmations, gas, batch",
  permission: "ledger.read",
  params: z.object({
    transaction_id: z.string().openapi({ example: "tx_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAtCT" }),
  }),
  answer: transactionSchema,
  refusals: ["UNKNOWN_TRANSACTION"],
  async handle(services, { params, caller }) {
    const { ledgerId } = caller
    const position = decodeTxId(ledgerId, params.transaction_id)
    const row = position === undefined ? undefined : await readChange(services.reads, ledgerId, position)
    if (row === undefined) {
      return refuse(
        "UNKNOWN_TRANSACTION",
        "transaction_id",
        "pass a tx_id of an answer to this app's keys, unchanged",
      )
    }
    const registry = await services.registry.current()
    const { chain } = tokenOf(registry, row.token_id)
    await services.chains.whenCurrent()
    const headBlock = services.chains.progressOf(chain.chainId)?.headBlock ?? null
    return { data: presentTransaction(registry, ledgerId, row, headBlock) }
  },
})
