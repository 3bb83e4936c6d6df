import type { ApiClient } from "./api-client.ts"
import { forEachLimited } from "./for-each-limited.ts"
import type { Journal } from "./journal.ts"
import { replayOperation, type Sent, sendOperation } from "./send-operation.ts"
import type { StreamOperation } from "./stream-operation.ts"
import { type StreamPace, streamOperations } from "./stream-operations.ts"

/** Accepted operations that are sent once more before a resumed stream goes on, the newest. */
const replayedMax = 300

/**
 * Streams what the journal does not have yet. Where it has some, the newest accepted operations are replayed first, which has to give the answers of
 * that time; what was refused is never sent again, because a refusal binds nothing and the balance may have grown since.
 * @returns how many were replayed
 */
export async function resumeStream(options: {
  readonly api: ApiClient
  readonly operations: readonly StreamOperation[]
  readonly journal: Journal
  readonly pace: StreamPace
  readonly onSent: (sent: Sent) => void
}): Promise<number> {
  const { api, operations, journal, pace } = options
  const accepted = operations.filter(
    ({ operation_id: id }) => journal.entries.get(id)?.outcome === "accepted",
  )
  const replayed = accepted.slice(-replayedMax)
  await forEachLimited(replayed, pace.concurrency, async (operation) => {
    const known = journal.entries.get(operation.operation_id)
    if (known !== undefined) await replayOperation(api, operation, known)
  })
  const open = operations.filter(({ operation_id: id }) => !journal.entries.has(id))
  await streamOperations(open, pace, async (operation) => {
    const sent = await sendOperation(api, operation)
    journal.add(sent.entry)
    options.onSent(sent)
  })
  return replayed.length
}
