import { z } from "@hono/zod-openapi"
import type { Address } from "viem"
import { createChain } from "../../ledger/registry/create-entry.ts"
import { chainDocumentSchema } from "../../platform/config/chains-schema.ts"
import { answerCreated } from "../administration/answer-created.ts"
import { noChecks } from "../administration/no-checks.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { changedEntrySchema } from "../presenters/registry-entry.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { addressSchema, changeReasonSchema, dryRunQuery } from "../validation/registry-schemas.ts"
import { chainIdSchema } from "../validation/schemas.ts"

export const createChainRoute = defineRoute({
  method: "post",
  path: "/admin/chains",
  tag: "Registry",
  summary: "Register a chain whose endpoints the processes know, after it was looked at",
  permission: "registry.manage",
  query: dryRunQuery,
  body: z.strictObject({
    chain_id: chainIdSchema,
    wallet_manager: addressSchema.openapi({ description: "The factory of users' wallets there" }),
    start_block: z
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .default(0)
      .openapi({ description: "Nothing of ours is in blocks before it" }),
    reason: changeReasonSchema,
    document: chainDocumentSchema,
  }),
  answer: changedEntrySchema,
  refusals: ["ENTRY_EXISTS", "VERSION_CONFLICT", "CHAIN_UNFIT", "CHAIN_UNAVAILABLE"],
  async handle(services, { query, body, caller, context }) {
    const { checks, db } = services
    if (checks === undefined) return noChecks
    const isDryRun = query.dry_run === "true"
    const chainId = BigInt(body.chain_id)
    const walletManager = body.wallet_manager.toLowerCase() as Address
    const found = await checks.inspectChain(chainId, walletManager)
    if ("problem" in found) return refuse("CHAIN_UNFIT", found.field, found.problem)
    const created = await createChain(
      db,
      { chainId, walletManager, startBlock: BigInt(body.start_block), ...found },
      body.document,
      { reason: body.reason, isDryRun, initiator: initiatorOf(services, context, caller) },
    )
    return answerCreated(services, caller, created, isDryRun)
  },
})
