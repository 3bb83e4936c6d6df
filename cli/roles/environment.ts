import { ChainBridgeError } from "../../platform/errors.ts"

/** The value of a variable that a role cannot do without. */
export function requireEnvironment(name: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== "") return value
  throw new ChainBridgeError("CONFIG_INVALID", `${name} is not set: this role cannot run without it`)
}
