import { hash } from "node:crypto"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import type { Context } from "hono"
import type { ApiEnv } from "../api-env.ts"
import { commonHeaders, isKnown, preferredEncoding } from "./respond.ts"

type Asset = {
  readonly type: string
  readonly headers: Readonly<Record<string, string>>
  readonly read: () => Promise<Buffer>
  /** Its address is another one as soon as its content is. */
  readonly isImmutable?: boolean
}

const brotliBytes = promisify(brotliCompress)
const gzipBytes = promisify(gzip)

/** Answers with something that stays as it is for as long as the process lives: it is read, compressed and hashed for the first who asks. */
export function createAsset(asset: Asset): (context: Context<ApiEnv>) => Promise<Response> {
  const made = new Map<string, Promise<Buffer<ArrayBufferLike>>>()
  function once(name: string, make: () => Promise<Buffer>): Promise<Buffer> {
    let making = made.get(name)
    if (making === undefined) {
      making = make()
      made.set(name, making)
      // A file that could not be read is asked for anew.
      making.catch(() => made.delete(name))
    }
    return making
  }
  const plain = (): Promise<Buffer> => once("identity", asset.read)
  let tag: string | undefined

  return async (context) => {
    tag ??= `W/"${hash("sha256", await plain(), "base64url").slice(0, 27)}"`
    const headers: Record<string, string> = {
      ...commonHeaders,
      ...asset.headers,
      etag: tag,
      "cache-control":
        asset.isImmutable === true ? "public, max-age=31536000, immutable" : "public, no-cache",
      "x-request-id": context.get("requestId"),
    }
    if (isKnown(context.req.header("if-none-match"), tag)) return new Response(null, { status: 304, headers })
    headers["content-type"] = asset.type
    const encoding = preferredEncoding(context.req.header("accept-encoding"))
    if (encoding !== undefined) headers["content-encoding"] = encoding
    const bytes = await bytesIn(encoding)
    headers["content-length"] = String(bytes.byteLength)
    return new Response(new Uint8Array(bytes), { headers })
  }

  async function bytesIn(encoding: "br" | "gzip" | undefined): Promise<Buffer> {
    switch (encoding) {
      case undefined:
        return plain()
      case "br":
        return once("br", async () =>
          brotliBytes(await plain(), { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }),
        )
      case "gzip":
        return once("gzip", async () => gzipBytes(await plain()))
    }
  }
}
