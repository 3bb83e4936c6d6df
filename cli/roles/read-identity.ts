import type { IdentityOptions } from "../../api/context.ts"
import { type AddressList, createAddressList } from "../../platform/address-list.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { requireEnvironment } from "./environment.ts"

/**
 * Who may call the API, beyond what the database knows: AUTH_TOKEN_SECRET (64 hex digits, as `openssl rand -hex 32` makes; a new one before an old one, with a comma) and
 * TRUSTED_PROXIES (addresses or ranges, with commas).
 * OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET and OIDC_REDIRECT_URI name an identity provider.
 * @throws ChainBridgeError CONFIG_INVALID, which does not repeat a secret
 */
export function readIdentity(): IdentityOptions {
  return {
    tokenSecrets: listOf(process.env["AUTH_TOKEN_SECRET"]).map((secret) => {
      if (/^[0-9a-fA-F]{64}$/.test(secret)) return Buffer.from(secret, "hex")
      throw new ChainBridgeError(
        "CONFIG_INVALID",
        "AUTH_TOKEN_SECRET is not 64 hex digits, or several of them with commas: openssl rand -hex 32 makes one",
      )
    }),
    ...readOidc(),
    trustedProxies: readProxies(listOf(process.env["TRUSTED_PROXIES"])),
  }
}

function readOidc(): Pick<IdentityOptions, "oidc"> {
  const issuer = process.env["OIDC_ISSUER"]
  if (issuer === undefined || issuer === "") return {}
  return {
    oidc: {
      issuer: checkUrl("OIDC_ISSUER", issuer),
      clientId: requireEnvironment("OIDC_CLIENT_ID"),
      clientSecret: process.env["OIDC_CLIENT_SECRET"] || null,
      redirectUri: checkUrl("OIDC_REDIRECT_URI", requireEnvironment("OIDC_REDIRECT_URI")),
    },
  }
}

/** Tokens and codes go there: in the open only on this very machine. */
function checkUrl(name: string, text: string): string {
  const url = URL.parse(text)
  const isHere = ["127.0.0.1", "[::1]", "localhost"].includes(url?.hostname ?? "")
  if (url !== null && (url.protocol === "https:" || (url.protocol === "http:" && isHere))) return text
  throw new ChainBridgeError("CONFIG_INVALID", `${name} is no https address`)
}

function readProxies(ranges: readonly string[]): AddressList | null {
  if (ranges.length === 0) return null
  try {
    return createAddressList(ranges)
  } catch (cause) {
    throw new ChainBridgeError("CONFIG_INVALID", "TRUSTED_PROXIES cannot be read", { cause })
  }
}

function listOf(text: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
}
