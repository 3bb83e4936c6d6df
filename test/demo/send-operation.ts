import { createHash } from "node:crypto"
import type { AdjustmentAnswer } from "./api-answers.ts"
import type { ApiClient } from "./api-client.ts"
import { entryOf, type JournalEntry } from "./journal.ts"
import type { StreamOperation } from "./stream-operation.ts"

export type Sent = { readonly entry: JournalEntry; readonly isReplay: boolean; readonly milliseconds: number }

/**
 * Sends one operation until it has an answer.
 * @throws Error for an answer that is neither an acceptance nor a refusal of the operation
 */
export async function sendOperation(api: ApiClient, operation: StreamOperation): Promise<Sent> {
  const began = performance.now()
  const answer = await api.ask<AdjustmentAnswer>("/balance/adjust", operation)
  const milliseconds = performance.now() - began
  if (answer.ok) {
    const { data, isReplay } = answer
    const digest = createHash("sha256").update(JSON.stringify(data)).digest("hex")
    const entry = entryOf(operation, { outcome: "accepted", position: data.position, data_digest: digest })
    return { entry, isReplay, milliseconds }
  }
  const code = answer.errors[0]?.code
  if (answer.status !== 422 || code === undefined)
    throw new Error(`${operation.operation_id} was answered with ${answer.status} ${code ?? ""}`)
  return { entry: entryOf(operation, { outcome: "refused", code }), isReplay: false, milliseconds }
}

/**
 * Sends what was accepted before once more: the answer has to be the first one, byte for byte.
 * @throws Error where it is not
 */
export async function replayOperation(
  api: ApiClient,
  operation: StreamOperation,
  known: JournalEntry,
): Promise<void> {
  const { entry, isReplay } = await sendOperation(api, operation)
  const same =
    entry.outcome === "accepted" &&
    known.outcome === "accepted" &&
    entry.position === known.position &&
    entry.data_digest === known.data_digest
  if (!isReplay || !same)
    throw new Error(`${operation.operation_id} was accepted before and is answered differently now`)
}
