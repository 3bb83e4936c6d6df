import { expect, it } from "vitest"
import { rpcUrlsFromEnvironment } from "./rpc-urls.ts"

it("reads the list of a chain in its order", () => {
  const environment = { CHAINBRIDGE_RPC_URLS_137: " https://a.example/key , http://127.0.0.1:8545," }
  expect(rpcUrlsFromEnvironment(137n, environment)).toEqual([
    "https://a.example/key",
    "http://127.0.0.1:8545",
  ])
  expect(rpcUrlsFromEnvironment(1n, environment)).toEqual([])
})

it("says which entry is wrong, and not what it is: it may hold a key", () => {
  const environment = { CHAINBRIDGE_RPC_URLS_1: "https://a.example,wss://b.example/my-key" }
  expect(() => rpcUrlsFromEnvironment(1n, environment)).toThrow(/CHAINBRIDGE_RPC_URLS_1: entry 2 is not/)
  expect(() => rpcUrlsFromEnvironment(1n, environment)).not.toThrow(/my-key/)
})
