import { refuse } from "../refusal.ts"

export const noChecks = refuse(
  "CHAIN_UNAVAILABLE",
  null,
  "this process reaches no chain: set CHAINBRIDGE_RPC_URLS_<chain_id> for it",
)
