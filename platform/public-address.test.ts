import { describe, expect, it } from "vitest"
import { isPublicAddress } from "./public-address.ts"

const notPublic: Record<string, readonly string[]> = {
  "this machine": ["127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "0.1.2.3", "::"],
  "private networks": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
  "the link, and a cloud's metadata": [
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
  ],
  "carrier-grade NAT": ["100.64.0.1", "100.127.255.255"],
  "many at once": ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"],
  "reserved and for documentation": [
    ...["192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "240.0.0.1"],
    ...["192.88.99.1", "2001:db8::1", "3fff::1", "100::1", "2001:2::1", "5f00::1", "fec0::1", "4000::1"],
  ],
  "IPv4 within IPv6": [
    ...["::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:10.0.0.1", "::127.0.0.1", "::10.0.0.1"],
    ...["64:ff9b::127.0.0.1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1"],
  ],
  "what is no address": [
    "",
    "localhost",
    "127.1",
    "0177.0.0.1",
    "0x7f000001",
    "2130706433",
    "1.2.3",
    "fe80::1%eth0",
  ],
}

describe.each(Object.entries(notPublic))("%s", (_what, addresses) => {
  it.each(addresses)("%s is not public", (address) => expect(isPublicAddress(address)).toBe(false))
})

it.each([
  "8.8.8.8",
  "1.1.1.1",
  "172.15.255.255",
  "172.32.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "168.63.129.15",
  "168.63.129.17",
  "2606:4700::1111",
  "2a00:1450::1",
])("%s is public", (address) => expect(isPublicAddress(address)).toBe(true))
