import { expect, test } from "vitest"
import { answerForLostBlocks } from "./answer-for-lost-blocks.ts"

const ask = async (method: string, parameters: object, answer: object) => {
  const send = answerForLostBlocks(async () => Response.json({ jsonrpc: "2.0", id: 7, ...answer }))
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: [parameters] })
  const response = await send(new Request("http://127.0.0.1", { method: "POST", body }))
  return (await response.json()) as { result?: unknown; error?: { code: number; message: string } }
}
const unknown = { error: { code: -32_000, message: "unknown block" } }

test("logs of a block that the node does not have any more are not asked for again", async () => {
  const { error } = await ask("eth_getLogs", { blockHash: "0xab" }, unknown)
  expect(error).toEqual({ code: -32_601, message: "the block is gone: unknown block" })
})

test.each([
  ["what the node has", "eth_getLogs", { blockHash: "0xab" }, { result: [{ data: "0x" }] }],
  ["another fault", "eth_getLogs", { blockHash: "0xab" }, { error: { code: -32_000, message: "busy" } }],
  ["a range of blocks", "eth_getLogs", { fromBlock: "0x1", toBlock: "0x2" }, unknown],
  ["another question", "eth_getBlockByHash", { blockHash: "0xab" }, unknown],
])("%s is answered as the node answers it", async (_, method, parameters, answer) => {
  expect(await ask(method, parameters, answer)).toEqual({ jsonrpc: "2.0", id: 7, ...answer })
})
