import { findContractFaults } from "./contract-faults.ts"
import type { ApiReply } from "./test-api.ts"

/**
 * One request with a key, unless `headers` say otherwise; an empty header is left out.
 * @throws where the answer is otherwise than the API's own description says
 */
export async function callApi(
  url: string,
  apiKey: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiReply> {
  const given = {
    authorization: `Bearer ${apiKey}`,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...headers,
  }
  const response = await fetch(`${url}${path}`, {
    method,
    headers: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== "")),
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const { status } = response
  const faults = findContractFaults({ method, path, status, headers: response.headers, text })
  if (faults.length > 0) throw new Error(`${method} ${path} breaks the contract: ${faults.join("; ")}`)
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? ({} as ApiReply["body"]) : (JSON.parse(text) as ApiReply["body"]),
  }
}
