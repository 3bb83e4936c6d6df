import { z } from "@hono/zod-openapi"
import type { Address } from "viem"
import { isNativeCoin, modeOfFeatures } from "../../ledger/domain/mode-of-features.ts"
import { createToken } from "../../ledger/registry/create-entry.ts"
import { tokenStrategySchema } from "../../platform/config/token-strategy-schema.ts"
import {
  settlementModeSchema,
  tokenDocumentSchema,
  tokenFields,
} from "../../platform/config/tokens-schema.ts"
import { answerCreated } from "../administration/answer-created.ts"
import { chooseStrategy, chooseTreasuryOf } from "../administration/choose-for-token.ts"
import { noChecks } from "../administration/no-checks.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { changedEntrySchema } from "../presenters/registry-entry.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { addressSchema, changeReasonSchema, dryRunQuery } from "../validation/registry-schemas.ts"
import { chainIdSchema } from "../validation/schemas.ts"

export const createTokenRoute = defineRoute({
  method: "post",
  path: "/admin/tokens",
  tag: "Registry",
  summary: "Register a token, after it was held against its contract",
  permission: "registry.manage",
  query: dryRunQuery,
  body: z.strictObject({
    chain_id: chainIdSchema,
    token_address: addressSchema,
    // Copies: the schemas themselves may have been made before there was an openapi().
    symbol: tokenFields.symbol.clone().openapi({ example: "GEM" }),
    decimals: tokenFields.decimals.clone().openapi({ description: "Of the contract" }),
    settlement_mode: settlementModeSchema
      .optional()
      .openapi({ description: "By the features, unless given" }),
    treasury: addressSchema
      .optional()
      .openapi({ description: "What pays it out; the one that the chain's other tokens have, unless given" }),
    strategy: tokenStrategySchema
      .optional()
      .openapi({ description: "As `GET /admin/strategies/{token}` shows one" }),
    strategy_of: z.string().max(60).optional().openapi({
      description: "Instead: the token whose strategy it gets as well; CPOP of the chain, unless given",
      example: "31337:CPOP",
    }),
    reason: changeReasonSchema,
    document: tokenDocumentSchema,
  }),
  answer: changedEntrySchema,
  refusals: ["ENTRY_EXISTS", "VERSION_CONFLICT", "TOKEN_UNFIT", "UNKNOWN_ENTRY", "CHAIN_UNAVAILABLE"],
  async handle(services, { query, body, caller, context }) {
    const { checks, db } = services
    if (checks === undefined) return noChecks
    const isDryRun = query.dry_run === "true"
    const { symbol, decimals, document } = body
    const chainId = BigInt(body.chain_id)
    const address = body.token_address.toLowerCase() as Address
    const registry = await services.registry.current()
    if (!registry.chains.has(chainId))
      return refuse("UNKNOWN_ENTRY", "chain_id", `there is no chain ${chainId}; register it first`)
    if (isNativeCoin(address, document.features))
      return refuse(
        "TOKEN_UNFIT",
        "token_address",
        "it is the chain's own coin, which cannot be settled: only tokens can",
      )
    const mode = body.settlement_mode ?? modeOfFeatures(document.features)
    const treasury = await chooseTreasuryOf(db, chainId, mode, body.treasury)
    if (treasury !== null && typeof treasury !== "string") return treasury
    const strategy = await chooseStrategy(db, chainId, body)
    if ("refused" in strategy) return strategy
    const checked = await checks.checkToken({ chainId, symbol, address, decimals, mode, treasury })
    if (checked.problem !== null) return refuse("TOKEN_UNFIT", "token_address", checked.problem)
    const created = await createToken(
      db,
      { chainId, address, symbol, decimals, mode, treasury, startBlock: checked.headBlock },
      { document, strategy },
      { reason: body.reason, isDryRun, initiator: initiatorOf(services, context, caller) },
    )
    return answerCreated(services, caller, created, isDryRun, checked.warnings)
  },
})
