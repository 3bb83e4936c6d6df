import { z } from "@hono/zod-openapi"
import type { SignerFigures } from "../../ledger/store/read-signers.ts"

export const signerHealthSchema = z.object({
  chain_id: z.int(),
  address: z.string(),
  state: z.enum(["active", "blocked", "retiring", "done", "away"]).openapi({
    description:
      "`retiring` takes nothing new, `done` has nothing under way any more, `away` has no batcher, `blocked` says why",
  }),
  reason: z.string().nullable(),
  unmined: z.int().openapi({ description: "Transactions that are not mined, as far as is known" }),
})

export function presentSigner(signer: SignerFigures): z.infer<typeof signerHealthSchema> {
  const { address, state, reason, unmined } = signer
  return { chain_id: Number(signer.chainId), address, state, reason, unmined }
}
