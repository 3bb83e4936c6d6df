import { ServerResponse } from "node:http"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import type { Context } from "hono"
import type { ApiEnv } from "../api-env.ts"
import { type Answer, presentAnswer, presentRefusal } from "../presenters/envelope.ts"
import type { Refusal } from "../refusal.ts"
import { entityTag } from "./entity-tag.ts"

const gzipText = promisify(gzip)
const brotliText = promisify(brotliCompress)
/** Below this a packet is a packet, compressed or not. */
const compressFromLength = 1_400

/** Headers of every answer, whatever it is. */
export const commonHeaders = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  vary: "Accept-Encoding, Authorization, X-API-Key, Origin",
} as const

export function respondRefusal(context: Context<ApiEnv>, refusal: Refusal): Response {
  const { status, body } = presentRefusal(refusal, context.get("requestId"))
  return send(context, status, body, {
    ...commonHeaders,
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-request-id": context.get("requestId"),
    ...context.get("extraHeaders"),
    ...refusal.headers,
  })
}

/** A read carries an ETag over what it says, and answers 304 to whoever has it. */
export function respondAnswer(context: Context<ApiEnv>, answer: Answer): Response | Promise<Response> {
  const requestId = context.get("requestId")
  const headers: Record<string, string> = {
    ...commonHeaders,
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-request-id": requestId,
    ...context.get("extraHeaders"),
    ...answer.headers,
  }
  const { status, content, body } = presentAnswer(answer, requestId)
  const isRead = context.req.method === "GET" || context.req.method === "HEAD"
  if (isRead && status === 200) {
    const etag = entityTag(content, answer.ages)
    headers.etag = etag
    headers["cache-control"] = "private, no-cache"
    if (isKnown(context.req.header("if-none-match"), etag)) {
      delete headers["content-type"]
      return send(context, 304, null, headers)
    }
  }
  if (body.length < compressFromLength) return send(context, status, body, headers)
  const encoding = preferredEncoding(context.req.header("accept-encoding"))
  if (encoding === undefined) return send(context, status, body, headers)
  headers["content-encoding"] = encoding
  const compressed =
    encoding === "br"
      ? brotliText(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } })
      : gzipText(body, { level: 4 })
  return compressed.then((bytes) => send(context, status, bytes, headers))
}

/**
 * Writes an answer that is complete to the socket where there is one: a Response object and a stream that carries a single text cost as much as deciding it. What comes after
 * another answer, as after a time limit, is dropped.
 */
function send(
  context: Context<ApiEnv>,
  status: number,
  body: string | Buffer | null,
  headers: Record<string, string>,
): Response {
  // Without a server, as in a test that calls the app, there is none.
  const outgoing = (context.env as ApiEnv["Bindings"] | undefined)?.outgoing
  if (!(outgoing instanceof ServerResponse))
    return new Response(typeof body === "object" && body !== null ? new Uint8Array(body) : body, {
      status,
      headers,
    })
  if (outgoing.headersSent) return RESPONSE_ALREADY_SENT
  context.set("status", status)
  if (body !== null) headers["content-length"] = String(Buffer.byteLength(body))
  outgoing.writeHead(status, headers)
  outgoing.end(body)
  return RESPONSE_ALREADY_SENT
}

export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === "*") return true
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, "")
  return ifNoneMatch.split(",").some((tag) => opaque(tag) === opaque(etag))
}

/** The better of the two that the caller takes; brotli where it likes both. */
export function preferredEncoding(acceptEncoding: string | undefined): "br" | "gzip" | undefined {
  if (acceptEncoding === undefined) return undefined
  const accepted = new Map<string, number>()
  for (const part of acceptEncoding.split(",")) {
    const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2)
    accepted.set(name, weight === undefined ? 1 : Number(weight))
  }
  const weightOf = (name: string): number => accepted.get(name) ?? accepted.get("*") ?? 0
  const brotli = weightOf("br")
  const gzipped = weightOf("gzip")
  if (brotli > 0 && brotli >= gzipped) return "br"
  return gzipped > 0 ? "gzip" : undefined
}
