import { z } from "zod"

const questionSchema = z.object({
  method: z.literal("eth_getLogs"),
  params: z.tuple([z.object({ blockHash: z.string() })]),
})
const faultSchema = z.object({ error: z.object({ code: z.number(), message: z.string() }) })

/** How geth, erigon, nethermind, besu and anvil say that they have no such block. */
const isUnknownBlock = /unknown block|block not found|header not found|could not be found|cannot find block/i
/** The one answer that Ponder does not ask about again. */
const methodNotFound = -32_601

/**
 * Ponder asks for a new block's logs by its hash. When a reorganisation has taken the block by then, Ponder repeats the question for more than a minute before
 * it looks at the chain again, and nothing is confirmed meanwhile. Told that there is nothing to repeat, it looks at once.
 * @param send what requests are sent with
 */
export function answerForLostBlocks(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    const isQuestion = input instanceof Request && parses(questionSchema, await input.clone().text())
    const response = await send(input, init)
    if (!isQuestion || !response.ok) return response
    const text = await response.text()
    const { status, headers } = response
    const fault = parses(faultSchema, text)
    if (fault === undefined || !isUnknownBlock.test(fault.error.message))
      return new Response(text, { status, headers: withoutLength(headers) })
    const error = { code: methodNotFound, message: `the block is gone: ${fault.error.message}` }
    return Response.json({ jsonrpc: "2.0", id: null, error })
  }
}

function parses<Value>(schema: z.ZodType<Value>, text: string): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** The text is unpacked by now. */
function withoutLength(headers: Headers): Headers {
  const kept = new Headers(headers)
  for (const name of ["content-length", "content-encoding"]) kept.delete(name)
  return kept
}
