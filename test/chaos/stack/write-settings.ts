import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stringify } from "yaml"
import type { ConfigurationSource } from "../../../platform/config/load-configuration.ts"

const shipped = join(import.meta.dirname, "..", "..", "..", "config")
const overlay = "chaos"

/** The shipped configuration, and over it what makes a run short: nothing waits for minutes that can wait for seconds, and batches are small and many. */
const settings = {
  "chains.yaml": { chains: { local: { replace_after: "2500ms", replace_after_max: "8s" } } },
  "batch_strategy.yaml": {
    defaults: { max_retries: 5, retry_interval: "1s" },
    batch_triggers: {
      CPOP: {
        max_wait_time: "2s",
        value_threshold: "1000000",
        ...{ optimal_batch_size: 10, max_batch_size: 16, min_batch_size: 3 },
        network_adjustments: { low_congestion: 14, medium_congestion: 10, high_congestion: 6 },
      },
    },
  },
  "sync_config.yaml": { audit: { checkpoint_interval: "10s", anchor_interval: "20s" } },
} as const

/** Writes the files below a directory. */
export function writeSettings(parent: string): Required<ConfigurationSource> & { readonly overlay: string } {
  const directory = join(parent, "config")
  cpSync(shipped, directory, { recursive: true })
  mkdirSync(join(directory, overlay))
  for (const [file, content] of Object.entries(settings))
    writeFileSync(join(directory, overlay, file), stringify(content))
  return { directory, overlay }
}
