import type { Context } from "hono"
import { type AddressList, normaliseAddress } from "../../platform/address-list.ts"
import type { ApiEnv } from "../api-env.ts"

/** Proxies that one request may have come through. */
const hopsMax = 20

/**
 * Where a request comes from: the other end of its connection, unless that is a proxy of ours. Then it is the last one in X-Forwarded-For that is none, as each proxy adds at
 * the end whom it was asked by; what stands before that anybody may have written.
 * @returns null where there is no connection, as in a test that calls the app, and where a proxy of ours says nothing that is an address: it is not known then who asks
 */
export function clientAddress(context: Context<ApiEnv>, trustedProxies: AddressList | null): string | null {
  const socket = (context.env as ApiEnv["Bindings"] | undefined)?.incoming?.socket
  const peer = normaliseAddress(socket?.remoteAddress ?? "")
  if (peer === null || trustedProxies === null || !trustedProxies.has(peer)) return peer
  const forwarded = context.req.header("x-forwarded-for")?.split(",") ?? []
  let nearest = peer
  for (const text of forwarded.slice(-hopsMax).reverse()) {
    const address = normaliseAddress(withoutPort(text.trim()))
    // Not the proxy itself, which may be let in where nobody else is.
    if (address === null) return null
    nearest = address
    if (!trustedProxies.has(address)) return address
  }
  return nearest
}

/** Some proxies write the port too: `203.0.113.9:5555`, `[2001:db8::1]:5555`. */
function withoutPort(text: string): string {
  return /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+(?:\.\d+){3}):\d+$/.exec(text)?.[1] ?? text
}
