import { hkdfSync } from "node:crypto"
import { EncryptJWT, errors as joseErrors, jwtDecrypt } from "jose"
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientError,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { hasPlainHeader } from "./plain-header.ts"

export type OidcOptions = {
  /** Its `/.well-known/openid-configuration` is read when somebody first signs in. */
  readonly issuer: string
  readonly clientId: string
  /** null: a public client. */
  readonly clientSecret: string | null
  /** Of `GET /auth/oidc/callback`, as browsers reach it and the provider knows it. */
  readonly redirectUri: string
}

/** Whom the provider vouches for. */
export type ProvenIdentity = {
  readonly issuer: string
  readonly subject: string
  /** Lower case; null where the provider has not verified it. */
  readonly email: string | null
}

export type Oidc = {
  readonly redirectUri: string
  /** @returns where to send the browser, and what it has to bring back */
  begin(): Promise<{ readonly url: string; readonly ticket: string }>
  /**
   * @param search of the address that the provider sent the browser to
   * @param ticket what `begin` gave the browser
   * @returns why not, for the log, where the two do not belong together, or the provider does not vouch for anybody
   * @throws ChainBridgeError PROVIDER_UNAVAILABLE (retryable)
   */
  finish(search: string, ticket: string): Promise<ProvenIdentity | { readonly failed: string }>
}

export const ticketLifetimeSeconds = 600
const discoveredForMs = 3_600_000
const timeoutSeconds = 10

/** The authorization code flow with PKCE, state and nonce. What has to be remembered between its two halves travels in the browser, encrypted: any replica can finish. */
export function createOidc(options: OidcOptions, secret: Buffer): Oidc {
  const { redirectUri } = options
  const key = new Uint8Array(hkdfSync("sha256", secret, "", "chainbridge oidc ticket", 32))
  let discovered: { readonly configuration: Promise<Configuration>; readonly atMs: number } | undefined

  function configure(): Promise<Configuration> {
    if (discovered === undefined || performance.now() - discovered.atMs > discoveredForMs) {
      const configuration = discover(options)
      discovered = { configuration, atMs: performance.now() }
      configuration.catch(() => {
        discovered = undefined
      })
    }
    return discovered.configuration
  }

  return {
    redirectUri,
    async begin() {
      const configuration = await configure().catch(throwUnavailable)
      const checks = { verifier: randomPKCECodeVerifier(), state: randomState(), nonce: randomNonce() }
      const url = buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: "openid email",
        code_challenge: await calculatePKCECodeChallenge(checks.verifier),
        code_challenge_method: "S256",
        state: checks.state,
        nonce: checks.nonce,
      })
      return { url: url.href, ticket: await sealTicket(key, checks) }
    },
    async finish(search, ticket) {
      const checks = await openTicket(key, ticket)
      if (checks === undefined) return { failed: "the ticket is not one of ours, or too old" }
      const configuration = await configure().catch(throwUnavailable)
      // As the provider wrote it: behind a proxy we are called otherwise.
      const address = new URL(redirectUri)
      address.search = search
      try {
        const tokens = await authorizationCodeGrant(configuration, address, {
          pkceCodeVerifier: checks.verifier,
          expectedState: checks.state,
          expectedNonce: checks.nonce,
          idTokenExpected: true,
        })
        const claims = tokens.claims()
        if (claims === undefined) return { failed: "there is no ID token" }
        const { iss: issuer, sub: subject } = claims
        // Many providers tell the address only when asked.
        const told =
          claims["email"] === undefined && configuration.serverMetadata().userinfo_endpoint !== undefined
            ? await fetchUserInfo(configuration, tokens.access_token, subject)
            : claims
        return { issuer, subject, email: verifiedEmail(told) }
      } catch (error) {
        if (isNetworkFault(error)) throwUnavailable(error)
        return { failed: describeError(error) }
      }
    },
  }
}

function discover({ issuer, clientId, clientSecret }: OidcOptions): Promise<Configuration> {
  const server = new URL(issuer)
  // For a provider on this very machine, as in a test.
  const isHere = ["127.0.0.1", "[::1]", "localhost"].includes(server.hostname)
  return discovery(server, clientId, clientSecret ?? undefined, undefined, {
    timeout: timeoutSeconds,
    ...(isHere ? { execute: [allowInsecureRequests] } : {}),
  })
}

function throwUnavailable(cause: unknown): never {
  throw new ChainBridgeError("PROVIDER_UNAVAILABLE", "the identity provider does not answer; try again", {
    retryable: true,
    cause,
  })
}

/** Anything that it said itself is an answer. */
function isNetworkFault(error: unknown): boolean {
  if (error instanceof ClientError) return error.code === "OAUTH_TIMEOUT"
  return error instanceof TypeError && error.message === "fetch failed"
}

function verifiedEmail(claims: Readonly<Record<string, unknown>>): string | null {
  const { email, email_verified: isVerified } = claims
  return typeof email === "string" && isVerified === true ? email.trim().toLowerCase() : null
}

type Checks = { readonly verifier: string; readonly state: string; readonly nonce: string }

function sealTicket(key: Uint8Array, checks: Checks): Promise<string> {
  return new EncryptJWT({ ...checks })
    .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
    .setAudience("oidc-ticket")
    .setExpirationTime(`${ticketLifetimeSeconds}s`)
    .encrypt(key)
}

async function openTicket(key: Uint8Array, ticket: string): Promise<Checks | undefined> {
  if (!hasPlainHeader(ticket)) return undefined
  try {
    const { payload } = await jwtDecrypt(ticket, key, {
      audience: "oidc-ticket",
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
    })
    const { verifier, state, nonce } = payload
    if (typeof verifier !== "string" || typeof state !== "string" || typeof nonce !== "string")
      return undefined
    return { verifier, state, nonce }
  } catch (error) {
    if (error instanceof joseErrors.JOSEError) return undefined
    throw error
  }
}
