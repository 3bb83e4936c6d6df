import { isIP } from "node:net"
import { normaliseAddress } from "../../platform/address-list.ts"
import { isPublicAddress } from "../../platform/public-address.ts"
import { type ResolveName, readHost } from "./resolve-name.ts"
import type { WebhookPolicy } from "./webhook-policy.ts"

type TargetRules = Pick<WebhookPolicy, "allowsHttp" | "allowedTargets">

/** Why nothing is delivered to an address, in words for whoever chose it. */
export type RefusedTarget = { readonly refused: string }

/** Whether the rules let us connect to an IP address. */
export function isAllowedAddress(address: string, { allowedTargets }: TargetRules): boolean {
  // What stands for an IPv4 address is judged as that one where a range allows it, and never public.
  return isPublicAddress(address) || allowedTargets.has(normaliseAddress(address) ?? "")
}

/** What can be said of a URL without asking anybody. */
export function checkUrl(text: string, rules: TargetRules): URL | RefusedTarget {
  const url = URL.parse(text)
  if (url === null) return { refused: "write a whole address, such as https://backend.example/webhooks" }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && rules.allowsHttp))
    return { refused: rules.allowsHttp ? "use https or http" : "use https" }
  if (url.username !== "" || url.password !== "")
    return { refused: "leave user and password out: the signature says who sends" }
  if (url.hash !== "") return { refused: "leave out what is behind #: it is never sent" }
  const host = readHost(url)
  if ("address" in host && !isAllowedAddress(host.address, rules)) return { refused: notPublic(host.address) }
  return url
}

/**
 * The same with the addresses that the name has now. A name that has none yet is let through: before each delivery it is looked up again.
 */
export async function checkTarget(
  text: string,
  rules: TargetRules,
  resolve: ResolveName,
): Promise<URL | RefusedTarget> {
  const url = checkUrl(text, rules)
  if ("refused" in url) return url
  const host = readHost(url)
  if ("address" in host) return url
  const addresses = await resolve(host.name).catch(() => [])
  const isRefused = addresses.some((address) => !isAllowedAddress(address, rules))
  return isRefused ? { refused: notPublic(host.name) } : url
}

/** @param host as it was written: what a name leads to inside is nobody's business outside */
export function notPublic(host: string): string {
  const what =
    isIP(host) === 0 ? `${host} leads to an address that is not public` : `${host} is not a public address`
  return `${what}; use one that is, or have the operator allow it in webhooks.allowed_targets`
}
