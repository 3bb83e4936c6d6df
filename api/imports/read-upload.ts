import { type Refusal, refuse } from "../refusal.ts"

/** An upload that did not come to its end; nothing of it was kept. */
export class BrokenUpload extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.errors[0]?.message ?? refusal.refused)
    this.refusal = refusal
  }
}

/**
 * The bytes of a body as they come, as slowly as they are taken. A sender may take any time for all of it, but not be silent for long.
 * @throws BrokenUpload where it breaks off, falls silent, or the process stops
 */
export async function* readUpload(
  body: ReadableStream<Uint8Array> | null,
  process: { readonly isStopping: boolean; readonly limits: { readonly uploadIdleMs: number } },
): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const { uploadIdleMs } = process.limits
  const reader = body.getReader()
  try {
    for (;;) {
      if (process.isStopping)
        throw new BrokenUpload(
          refuse("NOT_READY", null, "the process is stopping; send the file again", { "retry-after": "1" }),
        )
      const piece = await readWithin(reader, uploadIdleMs)
      if (piece.done || piece.value === undefined) return
      yield piece.value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  idleMs: number,
): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }> {
  let timer: NodeJS.Timeout | undefined
  const silent = new Promise<"silent">((resolve) => {
    timer = setTimeout(resolve, idleMs, "silent")
  })
  const read = reader.read()
  // It fails after the silence as well, when nobody waits for it any more.
  read.catch(() => undefined)
  try {
    const first = await Promise.race([read, silent])
    if (first !== "silent") return first
  } catch {
    const message = "the body ended before it was complete; nothing of it was started, send it again"
    throw new BrokenUpload(refuse("MALFORMED_REQUEST", null, message))
  } finally {
    clearTimeout(timer)
  }
  const message = `nothing came for ${idleMs / 1_000} s; nothing of the file was started, send it again`
  throw new BrokenUpload(refuse("REQUEST_TIMEOUT", null, message))
}
