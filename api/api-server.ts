import { type ServerType, serve, type WebSocketServerLike } from "@hono/node-server"
import { WebSocketServer } from "ws"
import { ChainBridgeError } from "../platform/errors.ts"
import { createApi } from "./app.ts"
import type { ApiContext } from "./context.ts"
import type { ApiLimits } from "./limits.ts"
import { respondToParserError } from "./respond-to-parser-error.ts"
import { createServices, type Services } from "./services.ts"

/** A browser that names its token among the protocols has to name one that is answered, too. */
const liveProtocol = "chainbridge.v1"

export type ApiServer = {
  readonly url: string
  readonly port: number
  /** Stops accepting, finishes what is in flight and what the writers hold, within the limit. */
  stop(): Promise<void>
}

/**
 * Serves the API over HTTP.
 * @throws ChainBridgeError PORT_TAKEN, PORT_FORBIDDEN or HOST_UNKNOWN, saying what to do; nothing is left running
 */
export async function startApiServer(context: ApiContext): Promise<ApiServer> {
  const services = createServices(context)
  const app = createApi(context, services)
  try {
    await services.start()
    const server = await listen(app.fetch, context, services.limits)
    const address = "address" in server ? server.address() : null
    const port = typeof address === "object" && address !== null ? address.port : context.port
    const host = context.host.includes(":") ? `[${context.host}]` : context.host
    let stopping: Promise<void> | undefined
    return {
      url: `http://${host}:${port}`,
      port,
      stop() {
        stopping ??= stop(server, services, services.limits.shutdownTimeoutMs)
        return stopping
      },
    }
  } catch (error) {
    await services.stop()
    throw error
  }
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  context: ApiContext,
  limits: ApiLimits,
): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve(
      {
        fetch,
        hostname: context.host,
        port: context.port,
        overrideGlobalObjects: false,
        websocket: { server: createSocketServer() },
        serverOptions: {
          // A caller that sends slowly holds a socket, not the server.
          headersTimeout: limits.headersTimeoutMs,
          // How often Node looks: its own 30 s would make a minute of the 15.
          connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
          // For files. What else takes a body bounds its own time, and one that is not read to its end is cut off with the answer.
          requestTimeout: 6 * 3_600_000,
          keepAliveTimeout: 65_000,
          maxHeaderSize: 16_384,
        },
      },
      () => {
        server.off("error", fail)
        resolve(server)
      },
    )
    server.on("clientError", respondToParserError)
    server.maxConnections = limits.connectionsMax
    const fail = (error: NodeJS.ErrnoException): void => reject(listenError(error, context))
    server.once("error", fail)
  })
}

/** What it may be sent is small: messages of subscribers. What it sends is not compressed, which would cost a buffer for each of thousands. */
function createSocketServer(): WebSocketServerLike {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: 16_384,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(liveProtocol) ? liveProtocol : false),
  })
  // The packages' types differ in whether an option that is set here could be undefined.
  return server as WebSocketServerLike
}

function listenError(error: NodeJS.ErrnoException, { host, port }: ApiContext): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return new ChainBridgeError(
        "PORT_TAKEN",
        `port ${port} on ${host} is in use; stop what listens there, or set PORT to another (0 picks a free one)`,
        { cause: error },
      )
    case "EACCES":
      return new ChainBridgeError(
        "PORT_FORBIDDEN",
        `this user may not listen on port ${port}; set PORT to one above 1023`,
        { cause: error },
      )
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new ChainBridgeError(
        "HOST_UNKNOWN",
        `this machine has no address ${host}; set HOST to one it has`,
        {
          cause: error,
        },
      )
    default:
      return error
  }
}

async function stop(server: ServerType, services: Services, timeoutMs: number): Promise<void> {
  services.isStopping = true
  for (const end of services.onStop) end()
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
  })
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  // A connection is idle between two requests, also the one whose last request has just been answered.
  const sweep = setInterval(() => {
    if ("closeIdleConnections" in server) server.closeIdleConnections()
  }, 50)
  await Promise.race([closed.then(() => services.stop()), tooLate])
  clearTimeout(timer)
  clearInterval(sweep)
  if ("closeAllConnections" in server) server.closeAllConnections()
}
