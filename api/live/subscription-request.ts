import { z } from "@hono/zod-openapi"
import { type LiveType, liveTypes } from "../presenters/live-event.ts"
import { type Refusal, refuse } from "../refusal.ts"
import { chainIdParameter, tokenSymbolSchema, userIdSchema } from "../validation/schemas.ts"
import type { LiveFilter } from "./live-filter.ts"

const typesMessage = `name types of events, with a comma between them; there are ${liveTypes.join(", ")}`

const typePattern = liveTypes.join("|").replaceAll(".", "\\.")

const liveTypesParameter = z
  .string()
  .transform((text, context): ReadonlySet<LiveType> => {
    const names = text.split(",")
    const types = names.flatMap((name) => liveTypes.find((type) => type === name) ?? [])
    if (types.length === names.length) return new Set(types)
    context.addIssue({ code: "custom", message: typesMessage })
    return z.NEVER
  })
  .openapi({
    type: "string",
    pattern: `^(${typePattern})(,(${typePattern}))*$`,
    example: "balance.adjusted,settlement.confirmed",
  })

/** The parameters by which a subscriber says what he wants to see. */
export const liveFilterParameters = {
  user_id: userIdSchema.optional(),
  token_symbol: tokenSymbolSchema.optional(),
  chain_id: chainIdParameter.optional(),
  types: liveTypesParameter.optional(),
}

export function toFilter(given: {
  readonly user_id?: string | undefined
  readonly token_symbol?: string | undefined
  readonly chain_id?: number | undefined
  readonly types?: ReadonlySet<LiveType> | undefined
}): LiveFilter {
  return {
    userId: given.user_id ?? null,
    tokenSymbol: given.token_symbol ?? null,
    chainId: given.chain_id === undefined ? null : BigInt(given.chain_id),
    types: given.types ?? null,
  }
}

const positionForm = "send the id of the last event that was received, unchanged"

/** As text; 0 is before the first. */
const position = "(0|[1-9]\\d{0,15})"

export const positionSchema = positionWith(positionForm)

/** @param form what to send */
export function positionWith(form: string) {
  return z
    .string(form)
    .regex(new RegExp(`^${position}$`), form)
    .openapi({ example: "184467" })
}

const lastEventIdForm = new RegExp(`^${position}?$`)

/** What a client sends when it connects again. One that has seen nothing yet may send an empty one. */
export const lastEventIdSchema = z.string().openapi({
  description: "As `after`, and counts before it: clients send it when they connect again",
  pattern: lastEventIdForm.source,
})

/** @returns a refusal for what is no position; undefined for none at all */
export function readLastEventId(text: string | undefined): string | undefined | Refusal {
  if (text === undefined || text === "") return undefined
  return lastEventIdForm.test(text) ? text : refuse("INVALID_PARAMETER", "Last-Event-ID", positionForm)
}

/**
 * Where a subscriber begins: behind the position that he saw last, or at the end of the log.
 * @returns a refusal for a position that this log does not have
 */
export function startAfter(
  given: { readonly field: string; readonly position: string } | null,
  head: bigint,
): bigint | Refusal {
  if (given === null) return head
  const { field, position: text } = given
  if (BigInt(text) > head)
    return refuse(
      "UNKNOWN_POSITION",
      field,
      `the log ends at ${head}: it is not the one that this id is from, so read the balances again and begin without an id`,
    )
  return BigInt(text)
}
