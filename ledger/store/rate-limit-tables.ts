import type { Generated } from "kysely"

/** Tables of 024-rate-limits, part of {@link Database}. */
export type RateLimitTables = {
  "registry.rate_limit_policy": {
    is_only_row: Generated<boolean>
    requests_per_second: number | null
    burst: number | null
  }
  "registry.key_rate_limits": {
    key_id: string
    requests_per_second: number
    burst: number
  }
}
