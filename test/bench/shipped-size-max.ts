import { join } from "node:path"
import { loadConfiguration } from "../../platform/config/load-configuration.ts"

/** Recipients of CPOP's largest batch, by the configuration that ships. */
export function shippedSizeMax(): number {
  const { batchStrategy } = loadConfiguration({ directory: join(import.meta.dirname, "../../config") })
  const trigger = batchStrategy.batch_triggers["CPOP"]
  if (trigger === undefined) throw new Error("the strategy that ships has no CPOP")
  return trigger.max_batch_size
}
