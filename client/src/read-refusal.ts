import { ChainBridgeError, type FieldError } from "./chain-bridge-error.ts"

/** Makes an error of an answer that is no success: of the API's envelope, or of whatever a proxy says instead. */
export async function readRefusal(response: Response): Promise<ChainBridgeError> {
  const { status } = response
  const details = { status, retryAfterMs: readRetryAfter(response.headers.get("retry-after")) }
  const said = parse(await response.text())
  const errors = said?.errors ?? []
  const [first] = errors
  const requestId = said?.request_id ?? response.headers.get("x-request-id")
  if (first === undefined)
    return new ChainBridgeError(`HTTP ${status}`, { ...details, code: `HTTP_${status}`, requestId })
  const where = first.field === null ? "" : ` (${first.field})`
  return new ChainBridgeError(`${first.message}${where}`, { ...details, code: first.code, errors, requestId })
}

/** @returns milliseconds from now; null for a header that is missing or neither seconds nor a date */
function readRetryAfter(header: string | null): number | null {
  if (header === null) return null
  if (/^\d+$/.test(header.trim())) return Number(header) * 1_000
  const time = Date.parse(header)
  return Number.isNaN(time) ? null : Math.max(0, time - Date.now())
}

function parse(text: string): { errors?: readonly FieldError[]; request_id?: string } | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" ? value : null
  } catch {
    return null
  }
}
