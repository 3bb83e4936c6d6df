import { ChainBridgeError } from "../../platform/errors.ts"

/** One JSON-RPC call. Only for what viem has no action for, and for the first question to a node that may be down. */
export async function callRpc<Result>(
  url: string,
  method: string,
  params: readonly unknown[] = [],
): Promise<Result> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(30_000),
  })
  const answer = (await response.json()) as { result?: Result | null; error?: { message: string } }
  if (answer.error !== undefined)
    throw new ChainBridgeError("RPC_REFUSED", `${method}: ${answer.error.message}`)
  if (answer.result === undefined) throw new ChainBridgeError("RPC_REFUSED", `${method} was not answered`)
  return answer.result as Result
}
