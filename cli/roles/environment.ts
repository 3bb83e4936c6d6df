import { fileURLToPath } from "node:url"
import type { ConfigurationSource } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

/** The value of a variable that a role cannot do without. */
export function requireEnvironment(name: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== "") return value
  throw new ChainBridgeError("CONFIG_INVALID", `${name} is not set: this role cannot run without it`)
}

/** Where the YAML files are: CHAINBRIDGE_CONFIG_DIR with CHAINBRIDGE_CONFIG_OVERLAY, or the ones that came with the program. */
export function configurationSource(): ConfigurationSource {
  const directory = process.env["CHAINBRIDGE_CONFIG_DIR"]
  const overlay = process.env["CHAINBRIDGE_CONFIG_OVERLAY"]
  return {
    directory: directory || fileURLToPath(new URL("../../config", import.meta.url)),
    overlay: overlay === "" ? undefined : overlay,
  }
}
