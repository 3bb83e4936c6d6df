import type { Context } from "hono"
import type { ApiEnv } from "./api-env.ts"
import type { Services } from "./services.ts"

/**
 * A body that is made page by page, each when its reader has room for it: a slow reader holds a page or two, and no transaction. One that takes longer than the limit for a page
 * is cut off, by a reset: nobody may take what he has got for the whole.
 * @param nextPage the next lines, or null behind the last
 */
export function streamPages(
  services: Services,
  context: Context<ApiEnv>,
  nextPage: () => Promise<string | null>,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const { outgoing } = context.env
  let timer: NodeJS.Timeout | undefined

  function waitForReader(): void {
    timer = setTimeout(() => {
      if (outgoing === undefined || outgoing.writableFinished || outgoing.destroyed) return
      services.logger.warn({ request_id: context.var.requestId }, "a reader that takes too long is cut off")
      outgoing.socket?.resetAndDestroy()
    }, services.limits.readerStallMs)
    timer.unref()
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(timer)
        // A broken stream, not a short one.
        if (services.isStopping) return controller.error(new Error("the server is stopping"))
        const page = await nextPage()
        if (page === null) controller.close()
        else controller.enqueue(encoder.encode(page))
        waitForReader()
      },
      cancel: () => clearTimeout(timer),
    },
    { highWaterMark: 1 },
  )
}
