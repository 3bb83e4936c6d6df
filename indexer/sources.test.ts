import { describe, expect, test } from "vitest"
import { parseIndexerSources } from "./sources.ts"

const chain = {
  chain_id: 31_337,
  name: "local",
  rpc_urls: ["http://127.0.0.1:8545"],
  start_block: 0,
  tokens: [`0x${"ab".repeat(20)}`],
}

const parse = (...chains: object[]) => parseIndexerSources(JSON.stringify({ chains }))

describe("parseIndexerSources", () => {
  test("fills in what may be left out", () => {
    expect(parse(chain).chains).toEqual([
      {
        ...chain,
        polling_interval_ms: 1_000,
        requests_per_second: 20,
        disable_cache: false,
        audit_anchor: null,
        treasuries: [],
      },
    ])
  })

  test.each([
    ["nothing at all", undefined, /INDEXER_SOURCES is not set/],
    ["an empty text", "", /INDEXER_SOURCES is not set/],
    ["no JSON", "{", /INDEXER_SOURCES is not JSON/],
    ["no chain", '{"chains":[]}', /chains/],
  ])("refuses %s", (_name, text, message) => {
    expect(() => parseIndexerSources(text)).toThrow(message)
  })

  test.each([
    [
      "an address with capitals",
      { tokens: [`0x${"AB".repeat(20)}`] },
      /a lower-case 0x address[\s\S]*tokens/,
    ],
    ["no token", { tokens: [] }, /tokens/],
    ["an anchor that is no address", { audit_anchor: "0x1" }, /audit_anchor/],
    ["an endpoint that is not http", { rpc_urls: ["ftp://127.0.0.1"] }, /rpc_urls/],
    ["a poll that Ponder would refuse", { polling_interval_ms: 99 }, /polling_interval_ms/],
    ["an unknown field", { finality: 3 }, /finality/],
  ])("names the field: %s", (_name, change, message) => {
    expect(() => parse({ ...chain, ...change })).toThrow(message)
  })

  test("refuses a chain that occurs twice, and takes two of one name", () => {
    expect(() => parse(chain, { ...chain, name: "other" })).toThrow(/a chain_id occurs twice/)
    expect(parse(chain, { ...chain, chain_id: 1 }).chains).toHaveLength(2)
  })
})
