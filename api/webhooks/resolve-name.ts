import { Resolver } from "node:dns/promises"
import { isIP } from "node:net"

/** The addresses of a host's name. Rejects when there is none, or no answer in time. */
export type ResolveName = (name: string) => Promise<readonly string[]>

const timeoutMs = 2_000
const tries = 2

/**
 * Asks the name servers. Node's own look-up would hold one of four threads for as long as a name server says nothing, and four endpoints with dead name servers would hold up all.
 */
export function createNameResolver(): ResolveName {
  const resolver = new Resolver({ timeout: timeoutMs, tries })
  return async (name) => {
    if (isLocalName(name)) return ["127.0.0.1", "::1"]
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []))
    if (addresses.length > 0) return addresses
    const [first] = answers
    throw first.status === "rejected" ? first.reason : new Error(`${name} has no address`)
  }
}

/** A name that means this machine everywhere. */
function isLocalName(name: string): boolean {
  return /(^|\.)localhost\.?$/i.test(name)
}

/** A host as a URL has it: an address without its brackets, or a name. */
export function readHost(url: URL): { readonly address: string } | { readonly name: string } {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1")
  return isIP(host) === 0 ? { name: host } : { address: host }
}
