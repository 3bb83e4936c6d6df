import { expect, it } from "vitest"
import { privateRpcUrlFromEnvironment, rpcUrlsFromEnvironment } from "./rpc-urls.ts"

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

it("reads a chain's private relay, of which there is one", () => {
  const environment = {
    CHAINBRIDGE_PRIVATE_RPC_URL_1: " https://relay.example/key ",
    CHAINBRIDGE_PRIVATE_RPC_URL_2: "",
  }
  expect(privateRpcUrlFromEnvironment(1n, environment)).toBe("https://relay.example/key")
  expect(privateRpcUrlFromEnvironment(2n, environment)).toBeUndefined()
  expect(privateRpcUrlFromEnvironment(3n, environment)).toBeUndefined()
})

it.each(["wss://relay.example/my-key", "https://a.example/my-key,https://b.example", "my-key"])(
  "refuses the private relay %j without repeating it",
  (url) => {
    const read = () => privateRpcUrlFromEnvironment(1n, { CHAINBRIDGE_PRIVATE_RPC_URL_1: url })
    expect(read).toThrow(/CHAINBRIDGE_PRIVATE_RPC_URL_1 is not one http or https URL/)
    expect(read).not.toThrow(/my-key/)
  },
)
