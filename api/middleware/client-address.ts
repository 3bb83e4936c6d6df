import type { Context } from "hono"
import { type AddressList, normaliseAddress } from "../../platform/address-list.ts"
import type { ApiEnv } from "../api-env.ts"

/** Proxies that one request may have come through. */
const hopsMax = 20

/**
 * Where a request comes from: the other end of its connection, unless that is a proxy of ours. Then it is the last one in X-Forwarded-For that is none, as each proxy adds at
 * the end whom it was asked by; what stands before that anybody may have written.
 * @returns null where there is no connection, as in a test that calls the app
 */
export function clientAddress(context: Context<ApiEnv>, trustedProxies: AddressList | null): string | null {
  const socket = (context.env as ApiEnv["Bindings"] | undefined)?.incoming?.socket
  const peer = normaliseAddress(socket?.remoteAddress ?? "")
  if (peer === null || trustedProxies === null || !trustedProxies.has(peer)) return peer
  const forwarded = context.req.header("x-forwarded-for")?.split(",") ?? []
  let nearest = peer
  for (const text of forwarded.slice(-hopsMax).reverse()) {
    const address = normaliseAddress(text.trim())
    // The proxy did not write an address: nobody knows who asked it.
    if (address === null) return nearest
    nearest = address
    if (!trustedProxies.has(address)) return address
  }
  return nearest
}
