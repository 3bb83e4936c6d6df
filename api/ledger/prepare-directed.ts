import { type Refusal, refuse, refuseAll } from "../refusal.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import type { RequestedAdjustment } from "./resolve-adjustments.ts"
import { resolveToken } from "./resolve-token.ts"

/** What a request says once for all of its adjustments. */
type Subject = {
  /** Name of the object in the body that says it, and of its field that may name a reason. */
  readonly group: string
  readonly kindField: string
  readonly kind: string
  /** Where no reason is called like the kind. */
  readonly otherwise: string
  readonly token_symbol: string
  readonly chain_id?: number | undefined
}

type Item = Pick<RequestedAdjustment, "user_id" | "amount" | "reason_detail" | "metadata">

/** Items of a request that names token and occasion once. What is wrong with those is said once, too. */
export function prepareDirected(
  registry: RegistrySnapshot,
  subject: Subject,
  items: readonly Item[],
): readonly RequestedAdjustment[] | Refusal {
  const { group, kind, otherwise, token_symbol, chain_id } = subject
  const token = resolveToken(registry, token_symbol, chain_id, `${group}.`)
  if ("code" in token) return refuseAll([token])
  // One that is retired is passed over like one that there never was: these routes do not fail on what they choose themselves.
  const reason_type = registry.reasons.get(kind)?.isRetired === false ? kind : otherwise
  if (!registry.reasons.has(reason_type)) {
    return refuse(
      "UNKNOWN_REASON",
      `${group}.${subject.kindField}`,
      `neither "${kind}" nor "${otherwise}" is registered; GET /reasons lists the reasons`,
    )
  }
  if (registry.reasons.get(reason_type)?.isRetired === true)
    return refuse(
      "REASON_RETIRED",
      `${group}.${subject.kindField}`,
      `no reason "${kind}" is in use, and "${otherwise}", which would stand for it, is retired; GET /reasons lists the reasons`,
    )
  const chosen = { token_symbol, chain_id: Number(token.chain.chainId), reason_type }
  return items.map((item) => ({ ...item, ...chosen }))
}
