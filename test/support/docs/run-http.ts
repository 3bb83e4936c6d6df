import type { Example } from "./read-examples.ts"

/**
 * Sends an example of a raw request with the key, and compares what the same block shows of the answer behind an empty line: its status, and that it has
 * each of its headers. `…` in a header's value may be anything.
 * @returns faults
 */
export async function runHttp({ code }: Example, apiUrl: string, apiKey: string): Promise<string[]> {
  const [asked = "", answered] = code.split(/^(?=HTTP\/)/m)
  const [head = "", body = ""] = asked.trim().split(/\n\n/, 2)
  const [request = "", ...headers] = head.split("\n")
  const [, method, path] = /^(GET|POST|PUT|PATCH|DELETE) (\/\S*)( HTTP\/1\.1)?$/.exec(request) ?? []
  if (method === undefined || path === undefined) return [`"${request}" is no request line`]
  const response = await fetch(`${apiUrl}${path}`, {
    method,
    headers: { ...Object.fromEntries(headers.map(splitHeader)), authorization: `Bearer ${apiKey}` },
    ...(body === "" ? {} : { body }),
  })
  const said = await response.text()
  if (answered === undefined)
    return response.status < 300 ? [] : [`answered with ${response.status}: ${said}`]
  const [statusLine = "", ...shown] = answered.trim().split("\n\n", 1)[0]?.split("\n") ?? []
  const faults =
    statusLine.split(" ")[1] === String(response.status) ? [] : [`answered with ${response.status}: ${said}`]
  for (const [name, value] of shown.map(splitHeader)) {
    const real = response.headers.get(name)
    if (real === null) faults.push(`the answer has no ${name}`)
    else if (!value.includes("…") && value !== real) faults.push(`${name} is ${real}`)
  }
  return faults
}

function splitHeader(line: string): [string, string] {
  const at = line.indexOf(":")
  return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()]
}
