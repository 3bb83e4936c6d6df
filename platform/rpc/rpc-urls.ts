import { ChainBridgeError } from "../errors.ts"

/**
 * The RPC endpoints of a chain from `CHAINBRIDGE_RPC_URLS_<chain id>`: comma separated, the preferred one first.
 * @returns an empty list where the variable is not set
 * @throws ChainBridgeError CONFIG_INVALID naming the variable and the place in the list; the URL itself may hold a key and is not repeated
 */
export function rpcUrlsFromEnvironment(
  chainId: bigint,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const variable = `CHAINBRIDGE_RPC_URLS_${chainId}`
  const urls = (environment[variable] ?? "")
    .split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "")
  for (const [index, url] of urls.entries()) {
    if (!isHttpUrl(url)) {
      throw new ChainBridgeError(
        "CONFIG_INVALID",
        `${variable}: entry ${index + 1} is not an http or https URL`,
      )
    }
  }
  return urls
}

/**
 * The endpoint that a chain's transactions are sent to instead of the public ones, from `CHAINBRIDGE_PRIVATE_RPC_URL_<chain id>`.
 * @returns undefined where the variable is not set
 * @throws ChainBridgeError CONFIG_INVALID naming the variable; the URL itself is not repeated
 */
export function privateRpcUrlFromEnvironment(
  chainId: bigint,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const variable = `CHAINBRIDGE_PRIVATE_RPC_URL_${chainId}`
  const url = (environment[variable] ?? "").trim()
  if (url === "") return undefined
  if (!isHttpUrl(url))
    throw new ChainBridgeError("CONFIG_INVALID", `${variable} is not one http or https URL`)
  return url
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && !text.includes(",")
}
