import { isUtf8 } from "node:buffer"
import { IncomingMessage } from "node:http"
import type { Context, HonoRequest } from "hono"
import type { ApiEnv } from "../api-env.ts"
import type { ApiLimits } from "../limits.ts"
import { type Refusal, refuse } from "../refusal.ts"
import { checkJson } from "../validation/check-json.ts"
import { findDuplicateKey } from "../validation/find-duplicate-key.ts"
import { isPlainJson } from "../validation/is-plain-json.ts"
import { parseJson } from "../validation/parse-json.ts"

/**
 * Reads the JSON body of a write within its limits.
 * @param isOptional no body at all stands for `{}`
 */
export async function readJsonBody(
  context: Context<ApiEnv>,
  limits: Pick<ApiLimits, "bodyBytesMax" | "bodyDepthMax" | "bodyTimeoutMs">,
  isOptional: boolean,
): Promise<{ readonly json: unknown } | Refusal> {
  const { req } = context
  if (isOptional && isAbsent(req)) return { json: {} }
  if (!isJsonInUtf8(req.header("content-type") ?? ""))
    return refuse("UNSUPPORTED_MEDIA_TYPE", "content-type", "send the body as application/json in UTF-8")
  const encoding = req.header("content-encoding")
  if (encoding !== undefined && encoding.toLowerCase() !== "identity")
    return refuse("UNSUPPORTED_MEDIA_TYPE", "content-encoding", "send the body uncompressed")
  const bytes = takeBytes(context, limits.bodyBytesMax) ?? (await readInTime(context, limits))
  if (!(bytes instanceof Uint8Array)) return bytes
  if (!isUtf8(bytes)) return refuse("MALFORMED_TEXT", null, "encode the body as UTF-8")
  const text = bytes.toString("utf8")
  const parsed = parseJson(text, (place) =>
    text === ""
      ? "the body is empty; send one JSON object"
      : `the body could not be parsed${place}; send one JSON object`,
  )
  if ("code" in parsed) return refuse(parsed.code, null, parsed.message)
  const { value: json } = parsed
  if (isPlainJson(text, json, limits.bodyDepthMax)) return { json }
  const fault = checkJson(json, limits.bodyDepthMax)
  if (fault !== undefined) return refuse(fault.code, fault.path, fault.message)
  const duplicate = findDuplicateKey(text)
  if (duplicate === undefined) return { json }
  const name = JSON.stringify(duplicate.slice(0, 100))
  return refuse("MALFORMED_JSON", null, `an object names ${name} twice; send every name once`)
}

function isAbsent(req: HonoRequest): boolean {
  const length = req.header("content-length")
  return (length === undefined || length === "0") && req.header("transfer-encoding") === undefined
}

function isJsonInUtf8(contentType: string): boolean {
  if (contentType === "application/json") return true
  const [type = "", ...parameters] = contentType.toLowerCase().split(";")
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith("charset="))
  return type.trim() === "application/json" && (charset === undefined || /=\s*"?utf-8"?$/.test(charset))
}

/**
 * A short body mostly comes in one packet with its headers and lies in memory by now. Taken from there it costs neither promises nor a copy.
 * @returns null where it has to be read
 */
function takeBytes(context: Context<ApiEnv>, bytesMax: number): Buffer | null {
  // Without a server, as in a test that calls the app, there is none.
  const incoming = (context.env as ApiEnv["Bindings"] | undefined)?.incoming
  if (!(incoming instanceof IncomingMessage)) return null
  const { readableLength: length } = incoming
  if (length === 0 || length > bytesMax || String(length) !== incoming.headers["content-length"]) return null
  const bytes = incoming.read() as Buffer | null
  // To its end, which tells everybody else that nothing of the request is left.
  incoming.resume()
  return bytes
}

/** What is first kept free for a body of unknown length. */
const firstBytes = 16_384

/** Who sends too slowly is told so, and loses the connection: what else he sends would be taken for the next request. */
async function readInTime(
  context: Context<ApiEnv>,
  { bodyBytesMax, bodyTimeoutMs }: Pick<ApiLimits, "bodyBytesMax" | "bodyTimeoutMs">,
): Promise<Buffer | Refusal> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<Refusal>((resolve) => {
    const message = `the body did not arrive within ${bodyTimeoutMs / 1_000} seconds, and nothing was recorded; send it again`
    const refusal = refuse("REQUEST_TIMEOUT", null, message, { connection: "close" })
    timer = setTimeout(resolve, bodyTimeoutMs, refusal)
  })
  try {
    return await Promise.race([readBytes(context, bodyBytesMax), tooLate])
  } finally {
    clearTimeout(timer)
  }
}

async function readBytes(context: Context<ApiEnv>, bytesMax: number): Promise<Buffer | Refusal> {
  const { req } = context
  const tooLarge = (): Refusal =>
    refuse("PAYLOAD_TOO_LARGE", null, `a body has at most ${bytesMax} bytes; split the request`)
  const length = req.header("content-length")
  if (length !== undefined && Number(length) > bytesMax) return tooLarge()
  try {
    if (length !== undefined) return Buffer.from(await req.arrayBuffer())
    // Copied together as they come: the chunks that a sender chooses may be of one byte, and each that is kept takes hundreds.
    let bytes = Buffer.alloc(firstBytes)
    let size = 0
    for await (const chunk of req.raw.body ?? []) {
      const end = size + chunk.byteLength
      if (end > bytesMax) return tooLarge()
      if (end > bytes.length) {
        const larger = Buffer.alloc(Math.max(end, 2 * bytes.length))
        larger.set(bytes.subarray(0, size))
        bytes = larger
      }
      bytes.set(chunk, size)
      size = end
    }
    return bytes.subarray(0, size)
  } catch {
    return refuse("MALFORMED_JSON", null, "the body ended before it was complete; send it again")
  }
}
