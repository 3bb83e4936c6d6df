import { ChainBridgeError } from "../platform/errors.ts"

/**
 * A port to listen on, 0 for any free one.
 * @param name of the option or variable that it comes from
 * @throws ChainBridgeError CONFIG_INVALID
 */
export function parsePort(name: string, text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    `${name} is ${JSON.stringify(text)}; allowed: 0 (any free one) to 65535`,
  )
}
