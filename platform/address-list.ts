import { isIP } from "node:net"
import ipaddr from "ipaddr.js"

/** Ranges of IP addresses. */
export type AddressList = {
  readonly ranges: readonly string[]
  /** @param address as a socket or a proxy names it; what is none is in no list */
  has(address: string): boolean
}

/**
 * @param ranges `10.0.0.0/8`, `2001:db8::/32`, or a single address
 * @throws TypeError naming the range that is none, or that has bits behind its prefix
 */
export function createAddressList(ranges: readonly string[]): AddressList {
  const parsed = ranges.map(parseRange)
  return {
    ranges: parsed.map(([network, bits]) => `${network.toString()}/${bits}`),
    has(text) {
      const address = parseAddress(text)
      if (address === null) return false
      return parsed.some(([network, bits]) => {
        if (network instanceof ipaddr.IPv4)
          return address instanceof ipaddr.IPv4 && address.match(network, bits)
        return address instanceof ipaddr.IPv6 && address.match(network, bits)
      })
    },
  }
}

function parseRange(range: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const [text = "", bits] = range.split("/")
  const isIPv4 = ipaddr.IPv4.isValidFourPartDecimal(text)
  if ((!isIPv4 && !ipaddr.IPv6.isValid(text)) || text.includes("%"))
    throw new TypeError(`${JSON.stringify(range)} is not an address; write 203.0.113.7 or 203.0.113.0/24`)
  const address = ipaddr.parse(text)
  const longest = isIPv4 ? 32 : 128
  const prefix = bits === undefined ? longest : Number(bits)
  if ((bits !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bits)) || prefix > longest)
    throw new TypeError(`${JSON.stringify(range)} has no prefix of 0 to ${longest} bits behind its slash`)
  const network = isIPv4
    ? ipaddr.IPv4.networkAddressFromCIDR(`${text}/${prefix}`)
    : ipaddr.IPv6.networkAddressFromCIDR(`${text}/${prefix}`)
  if (network.toString() !== address.toString())
    throw new TypeError(
      `${JSON.stringify(range)} has bits behind its prefix; write ${network.toString()}/${prefix}`,
    )
  // Whoever comes by it is compared as IPv4.
  if (network instanceof ipaddr.IPv6 && network.isIPv4MappedAddress() && prefix >= 96)
    return [network.toIPv4Address(), prefix - 96]
  return [network, prefix]
}

/** The one spelling of an address: an IPv4 one that came over IPv6 is IPv4. null for what is none. */
export function normaliseAddress(text: string): string | null {
  return parseAddress(text)?.toString() ?? null
}

/**
 * "10.1" and "010.0.0.1" are addresses to some programs, and others to others: only what all of them read alike is one. The name of an interface behind it means something to this machine alone.
 * Most that come are IPv4, also within IPv6, which a general parser takes twenty times as long for.
 */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const kind = isIP(text)
  if (kind === 4) return ipaddr.IPv4.parse(text)
  if (kind !== 6) return null
  const within = text.startsWith("::ffff:") ? text.slice(7) : ""
  if (isIP(within) === 4) return ipaddr.IPv4.parse(within)
  return ipaddr.process(text.split("%")[0] ?? "")
}
