import { createServer } from "node:net"
import { ChainBridgeError } from "../../platform/errors.ts"

/** A TCP port of the loopback interface that nobody listens on at this moment. */
export function findFreePort(): Promise<number> {
  return listenOnce(0)
}

/** Whether `port` can be listened on; the reason is the system's error code when it cannot. */
async function probePort(port: number): Promise<{ free: true } | { free: false; code: string }> {
  try {
    await listenOnce(port)
    return { free: true }
  } catch (error) {
    return { free: false, code: (error as NodeJS.ErrnoException).code ?? "unknown" }
  }
}

/**
 * @param port 0 stands for any free one
 * @param setting the option or variable that chooses another one
 * @throws ChainBridgeError PORT_TAKEN
 */
export async function assertPortIsFree(port: number, setting: string): Promise<void> {
  if (port === 0) return
  const probe = await probePort(port)
  if (!probe.free) throw portTaken(port, probe.code, setting)
}

export function portTaken(port: number, code: string, setting: string): ChainBridgeError {
  const why = code === "EADDRINUSE" ? "is taken by another program" : `cannot be used (${code})`
  return new ChainBridgeError(
    "PORT_TAKEN",
    `port ${port} ${why}: choose another with ${setting} (0 picks a free one)`,
  )
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(port, "127.0.0.1", () => {
      const address = server.address()
      const chosen = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resolve(chosen))
    })
  })
}

/** The port of last time when it is still free, so that what was pointed at it goes on working; else any free one. */
export async function choosePort(preferred: number | undefined): Promise<number> {
  if (preferred !== undefined && (await probePort(preferred)).free) return preferred
  return await findFreePort()
}
