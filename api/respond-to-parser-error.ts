import { randomUUID } from "node:crypto"
import { STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import type { ErrorCode } from "./errors.ts"
import { presentRefusal } from "./presenters/envelope.ts"
import { refuse } from "./refusal.ts"

type ParserRefusal = { readonly code: ErrorCode; readonly message: string }

/** What Node's HTTP parser tells apart; everything else is a request that it could not read. */
const byParserCode: Readonly<Record<string, ParserRefusal>> = {
  HPE_HEADER_OVERFLOW: { code: "HEADERS_TOO_LARGE", message: "send at most 16 KiB of address and headers" },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { code: "PAYLOAD_TOO_LARGE", message: "send chunks without extensions" },
  ERR_HTTP_REQUEST_TIMEOUT: {
    code: "REQUEST_TIMEOUT",
    message: "send the request faster: address and headers within 15 seconds",
  },
}

const malformed: ParserRefusal = {
  code: "MALFORMED_REQUEST",
  message: "the request is not HTTP/1.1 as RFC 9112 has it; check the request line and the headers",
}

const lingerMs = 1_000

/** Answers a request that never became one in the envelope, and closes: nobody knows where the next request would begin. */
export function respondToParserError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // Within an answer that has begun, another one would only be read as a part of it.
  const { _httpMessage: answering } = socket as { readonly _httpMessage?: { readonly headersSent: boolean } }
  if (error.code === "ECONNRESET" || !socket.writable || answering?.headersSent === true) {
    socket.destroy()
    return
  }
  const { code, message } = byParserCode[error.code ?? ""] ?? malformed
  const requestId = `req_${randomUUID()}`
  const { status, body } = presentRefusal(refuse(code, null, message), requestId)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "content-type: application/json; charset=utf-8",
    `content-length: ${Buffer.byteLength(body)}`,
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    `x-request-id: ${requestId}`,
    "connection: close",
  ]
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`)
  // Destroyed at once, the answer could be lost with what is still unread; never, a caller could hold the socket.
  setTimeout(() => socket.destroy(), lingerMs).unref()
}
