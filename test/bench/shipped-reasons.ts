import { join } from "node:path"
import { loadConfiguration } from "../../platform/config/load-configuration.ts"
import type { SeedReason } from "./seed-generator.ts"

/** The reasons of the configuration that ships, for the log of a bench. */
export function shippedReasons(): readonly SeedReason[] {
  const { reasons } = loadConfiguration({ directory: join(import.meta.dirname, "../../config") })
  return Object.entries(reasons).map(([reasonType, reason]) => ({
    reasonType,
    businessType: reason.business_type,
    priority: reason.priority,
    metadataKeys: reason.allowed_metadata,
  }))
}
