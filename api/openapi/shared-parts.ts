type Headers = Record<string, object>
type Response = { headers?: Headers; readonly "x-error-codes"?: readonly string[] }
type Responses = Record<string, Response | { readonly $ref: string }>
type Whole = {
  readonly paths: Record<string, Record<string, { readonly responses: Responses }>>
  readonly components: { headers?: Headers; responses?: Record<string, Response> }
}

/** What is the same wherever it stands is said once, and does not make most of the document: headers, and the refusals that several routes have. */
export function withSharedParts(document: object): object {
  const whole = document as Whole
  const all = Object.values(whole.paths).flatMap((operations) =>
    Object.values(operations).map(({ responses }) => responses),
  )
  whole.components.headers = shareHeaders(all)
  whole.components.responses = shareRefusals(all)
  return whole
}

function shareHeaders(all: readonly Responses[]): Headers {
  const shared: Headers = {}
  for (const responses of all)
    for (const response of Object.values(responses) as Response[])
      for (const [name, header] of Object.entries(response.headers ?? {})) {
        shared[name] = header
        response.headers = { ...response.headers, [name]: { $ref: `#/components/headers/${name}` } }
      }
  return shared
}

function shareRefusals(all: readonly Responses[]): Record<string, Response> {
  const counts = new Map<string, number>()
  const refusals = all.flatMap((responses) =>
    Object.entries(responses as Record<string, Response>)
      .filter(([status]) => Number(status) >= 300)
      .map(([status, response]) => ({ responses, status, response, text: JSON.stringify(response) })),
  )
  for (const { text } of refusals) counts.set(text, (counts.get(text) ?? 0) + 1)
  const shared: Record<string, Response> = {}
  const names = new Map<string, string>()
  for (const { responses, status, response, text } of refusals) {
    if (counts.get(text) === 1) continue
    let name = names.get(text)
    if (name === undefined) {
      name = nameOf(status, response, shared)
      names.set(text, name)
      shared[name] = response
    }
    responses[status] = { $ref: `#/components/responses/${name}` }
  }
  return shared
}

/** By what it says, so that a new route changes the names of none: `404.UNKNOWN_KEY`. */
function nameOf(
  status: string,
  { "x-error-codes": codes = [] }: Response,
  taken: Readonly<Record<string, unknown>>,
): string {
  const name = [status, ...codes].join(".")
  let free = name
  for (let number = 2; Object.hasOwn(taken, free); number += 1) free = `${name}.${number}`
  return free
}
