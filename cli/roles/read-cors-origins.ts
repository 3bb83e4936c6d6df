import { ChainBridgeError } from "../../platform/errors.ts"

/**
 * CORS_ORIGINS: the origins whose pages may call the API from a browser, with commas. None, unless set.
 * @throws ChainBridgeError CONFIG_INVALID
 */
export function readCorsOrigins(text = process.env["CORS_ORIGINS"]): readonly string[] {
  const origins = (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
  for (const origin of origins) {
    const url = URL.parse(origin)
    const isWeb = url !== null && ["http:", "https:"].includes(url.protocol)
    // A URL may have * in its host, and would be compared with as it stands.
    if (isWeb && url.origin === origin && !origin.includes("*")) continue
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `CORS_ORIGINS: ${JSON.stringify(origin)} is not an origin as browsers write it, such as https://console.example.com: no path, no slash at its end, no *`,
    )
  }
  return origins
}
