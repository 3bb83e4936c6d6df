/** What a key may do. A route asks for one of those it names; none implies another. */
export const scopes = [
  "ledger:write",
  "ledger:read",
  "wallet:write",
  "transfer:write",
  "nft:write",
  "webhooks:write",
  "audit:read",
  "admin",
] as const

export type Scope = (typeof scopes)[number]
