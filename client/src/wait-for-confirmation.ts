import { ChainBridgeError } from "./chain-bridge-error.ts"
import { pause } from "./pause.ts"
import type { CallOptions, Operation } from "./types.ts"

export type WaitOptions = CallOptions & {
  /** How long to wait at most: 15 minutes, unless given. */
  readonly timeoutMs?: number
}

const pollMs = 500
const pollMaxMs = 5_000

/** Asks after an operation until all of it is settled; a failure of one question is `read`'s to deal with. */
export async function waitForConfirmation(
  read: () => Promise<Operation>,
  { signal, timeoutMs = 15 * 60_000 }: WaitOptions,
): Promise<Operation> {
  const deadline = performance.now() + timeoutMs
  for (let waitMs = pollMs; ; waitMs = Math.min(pollMaxMs, waitMs * 1.5)) {
    const operation = await read()
    const { status, operation_id: operationId } = operation
    if (status === "confirmed") return operation
    const give = (code: string, message: string): ChainBridgeError =>
      new ChainBridgeError(`${operationId}: ${message}`, { code, operationId })
    if (operation.adjustments_count === 0)
      throw give("NOTHING_TO_CONFIRM", "it has changed no balance, so that nothing of it goes to the chain")
    if (status === "attention")
      throw give("SETTLEMENT_FAILED", "the token refuses a part of it, which waits for an operator")
    if (performance.now() + waitMs > deadline)
      throw give("NOT_CONFIRMED_YET", `it is ${status} after ${timeoutMs / 1_000} s; it goes on`)
    await pause(waitMs, signal)
  }
}
