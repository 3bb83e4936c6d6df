import { randomBytes } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Provider } from "oidc-provider"
import type { OidcOptions } from "../../api/identity/oidc.ts"

export type ProviderAccount = {
  readonly subject: string
  readonly email: string
  readonly isVerified: boolean
}

export type IdentityProvider = {
  /** For the API whose callback is at `redirectUri`. */
  optionsFor(redirectUri: string): OidcOptions
  /** Whoever is sent here from now on is this one, and agrees to everything. */
  signInAs(account: ProviderAccount): void
  /** Stops listening; the next start is at the same address. */
  stop(): Promise<void>
}

/** A real OpenID provider on a free port, which asks for no password. @param redirectUris of those who may ask it */
export async function startIdentityProvider(redirectUris: readonly string[]): Promise<IdentityProvider> {
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined
  const server = createServer((request, response) => handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = { client_id: "chainbridge", client_secret: randomBytes(24).toString("hex") }
  let current: ProviderAccount | undefined
  const accounts = new Map<string, ProviderAccount>()
  const provider = new Provider(issuer, {
    clients: [{ ...client, redirect_uris: redirectUris, grant_types: ["authorization_code"] }],
    cookies: { keys: [randomBytes(24).toString("hex")] },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, subject: string) => {
      const account = accounts.get(subject)
      if (account === undefined) return undefined
      const { email, isVerified } = account
      return { accountId: subject, claims: () => ({ sub: subject, email, email_verified: isVerified }) }
    },
  })
  const answer = provider.callback()

  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, session, params } = await provider.interactionDetails(request, response)
    if (prompt.name === "login") {
      const login = { accountId: current?.subject, remember: false }
      return provider.interactionFinished(
        request,
        response,
        current === undefined ? { error: "access_denied" } : { login },
      )
    }
    const grant = new provider.Grant({ accountId: session?.accountId, clientId: params.client_id })
    grant.addOIDCScope("openid email")
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } })
  }

  handle = (request, response) => {
    if (!(request.url ?? "").startsWith("/interaction/")) return answer(request, response)
    interact(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  }
  return {
    optionsFor: (redirectUri) => ({
      issuer,
      clientId: client.client_id,
      clientSecret: client.client_secret,
      redirectUri,
    }),
    signInAs(account) {
      current = account
      accounts.set(account.subject, account)
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A browser: it keeps cookies, follows where it is sent, and stops at `until`. */
export function openBrowser() {
  const cookies = new Map<string, string>()

  async function visit(url: string): Promise<Response> {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies.values()].join("; ") },
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";")
      const [name = ""] = pair.split("=")
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) cookies.delete(name)
      else cookies.set(name, pair)
    }
    return response
  }

  return {
    cookies,
    visit,
    /** @returns the first address on the way that begins so, unvisited */
    async follow(url: string, until: string): Promise<string> {
      for (let next = url, steps = 0; steps < 10; steps += 1) {
        if (next.startsWith(until)) return next
        const response = await visit(next)
        const location = response.headers.get("location")
        if (location === null)
          throw new Error(`${next} answered ${response.status}: ${(await response.text()).slice(0, 300)}`)
        next = new URL(location, next).href
      }
      throw new Error("it went on and on")
    },
  }
}
