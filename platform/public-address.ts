import { isIP } from "node:net"
import ipaddr from "ipaddr.js"

/** Unicast of the whole Internet: everything else of IPv6 is for special uses, or was never given out. */
const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse("2000::"), 3]
/** Unicast by its number, and yet the host's own service in one cloud (Azure). */
const hostServices: ReadonlySet<string> = new Set(["168.63.129.16"])

/**
 * Whether an address is one of the Internet's own, which nobody reaches by being inside of a network: not this machine, no private network, no service of a cloud's host, no
 * multicast, and no IPv6 address that stands for an IPv4 one.
 * @param text as a resolver names it; what is no address is not public
 */
export function isPublicAddress(text: string): boolean {
  const kind = isIP(text)
  if (kind === 0 || text.includes("%")) return false
  const address = ipaddr.parse(text)
  if (address instanceof ipaddr.IPv4)
    return address.range() === "unicast" && !hostServices.has(address.toString())
  return address.range() === "unicast" && address.match(globalUnicast[0], globalUnicast[1])
}
