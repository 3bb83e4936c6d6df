import { describe, expect, it } from "vitest"
import { createAddressList, normaliseAddress } from "./address-list.ts"

describe("a list of addresses", () => {
  it("knows what is in its ranges, also when it came over IPv6", () => {
    const list = createAddressList(["10.0.0.0/8", "203.0.113.7", "2001:db8::/32"])
    for (const address of ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "203.0.113.7", "2001:db8::1"])
      expect([address, list.has(address)]).toEqual([address, true])
    for (const address of ["11.0.0.0", "203.0.113.8", "2001:db9::1", "::1", "", "10.1", "x"])
      expect([address, list.has(address)]).toEqual([address, false])
    expect(list.ranges).toEqual(["10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"])
  })

  it.each([
    ["10.0.0.1/8", /bits behind its prefix; write 10.0.0.0\/8/],
    ["2001:db8::1/32", /write 2001:db8::\/32/],
    ["10.0.0.0/33", /prefix of 0 to 32/],
    ["10.0.0.0/08", /prefix/],
    ["::/129", /prefix of 0 to 128/],
    ["10.0.0", /not an address/],
    ["010.0.0.1", /not an address/],
    ["0x0a000001", /not an address/],
    ["fe80::1%eth0", /not an address/],
    ["shop.example", /not an address/],
    ["", /not an address/],
  ])("refuses %s", (range, message) => expect(() => createAddressList([range])).toThrow(message))

  it("holds nothing where it is empty, and everything where it says so", () => {
    expect(createAddressList([]).has("10.0.0.1")).toBe(false)
    expect(createAddressList(["0.0.0.0/0"]).has("10.0.0.1")).toBe(true)
    expect(createAddressList(["0.0.0.0/0"]).has("::1")).toBe(false)
  })
})

it("writes an address in one way", () => {
  expect(normaliseAddress("::ffff:192.0.2.1")).toBe("192.0.2.1")
  expect(normaliseAddress("2001:0db8:0::1")).toBe("2001:db8::1")
  expect(normaliseAddress("fe80::1%eth0")).toBe("fe80::1")
  for (const text of ["unix", "", "10.1", "010.0.0.1", "0x0a000001", "1"])
    expect([text, normaliseAddress(text)]).toEqual([text, null])
})
