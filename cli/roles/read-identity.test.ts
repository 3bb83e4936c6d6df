import { afterEach, describe, expect, it, vi } from "vitest"
import { readIdentity } from "./read-identity.ts"

afterEach(() => vi.unstubAllEnvs())

const secret = "ab".repeat(32)
const oidc = {
  OIDC_ISSUER: "https://id.example.com",
  OIDC_CLIENT_ID: "chainbridge",
  OIDC_REDIRECT_URI: "https://bridge.example.com/api/v1/auth/oidc/callback",
}

function read(environment: Record<string, string>) {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  return readIdentity()
}

describe("who may call", () => {
  it("is keys alone where nothing is set", () =>
    expect(read({ AUTH_TOKEN_SECRET: "", TRUSTED_PROXIES: "", OIDC_ISSUER: "" })).toEqual({
      tokenSecrets: [],
      trustedProxies: null,
    }))

  it("is also people, with a new secret before the old one, behind proxies, from elsewhere", () => {
    const identity = read({
      ...oidc,
      AUTH_TOKEN_SECRET: `${"CD".repeat(32)}, ${secret}`,
      TRUSTED_PROXIES: "10.0.0.0/8, ::1",
    })
    expect(identity.tokenSecrets?.map((one) => one.toString("hex"))).toEqual(["cd".repeat(32), secret])
    expect(identity.trustedProxies?.ranges).toEqual(["10.0.0.0/8", "::1/128"])
    expect(identity.oidc).toEqual({
      issuer: oidc.OIDC_ISSUER,
      clientId: oidc.OIDC_CLIENT_ID,
      clientSecret: null,
      redirectUri: oidc.OIDC_REDIRECT_URI,
    })
  })

  it.each([
    [{ AUTH_TOKEN_SECRET: "short-secret" }, /AUTH_TOKEN_SECRET is not 64 hex digits/],
    [{ AUTH_TOKEN_SECRET: `${secret},short-secret` }, /AUTH_TOKEN_SECRET is not 64 hex digits/],
    [{ TRUSTED_PROXIES: "10.0.0.1/8" }, /TRUSTED_PROXIES cannot be read/],
    [{ ...oidc, OIDC_ISSUER: "http://id.example.com" }, /OIDC_ISSUER is no https address/],
    [{ ...oidc, OIDC_REDIRECT_URI: "callback" }, /OIDC_REDIRECT_URI is no https address/],
    [{ ...oidc, OIDC_CLIENT_ID: "" }, /OIDC_CLIENT_ID is not set/],
  ])("says what is wrong, and repeats no secret: %#", (environment, message) => {
    expect(() => read(environment)).toThrow(message)
    expect(() => read(environment)).not.toThrow(/short-secret/)
  })
})
