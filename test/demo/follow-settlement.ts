import type { Batch, BatchAnswer, BatchesAnswer, Change, OperationAnswer } from "./api-answers.ts"
import type { ApiClient } from "./api-client.ts"
import { forEachLimited } from "./for-each-limited.ts"

export type FollowedBatch = { readonly batch: Batch; readonly changes: readonly Change[] }

export type SettlementProgress = { readonly settled: number; readonly confirmed: number }

export type SettlementFollower = {
  /** Reads what is new. Counts adjustments of the run alone. */
  update(): Promise<SettlementProgress>
  /** Every batch that holds changes of the run, oldest first, as it is now. */
  batches(): readonly FollowedBatch[]
}

const pageSize = 500
const readsAtOnce = 8

/** Follows the batches that hold changes of a run, through the API. @param isOurs whether an operation is the run's */
export function followSettlement(
  api: ApiClient,
  isOurs: (operationId: string) => boolean,
  afterSequence: bigint,
): SettlementFollower {
  const known = new Map<string, FollowedBatch>()
  return {
    async update() {
      const listed = await listBatches(api, afterSequence, (batch) => {
        const before = known.get(batch.batch_id)?.batch.status
        return before === "confirmed"
      })
      // What a batch holds stays; once it is confirmed its changes are read a last time, with what became of each.
      const changed = listed.filter((batch) => known.get(batch.batch_id)?.batch.status !== batch.status)
      await forEachLimited(changed, readsAtOnce, async ({ batch_id: id }) => {
        known.set(id, await readBatch(api, id))
      })
      let settled = 0
      let confirmed = 0
      for (const { batch, changes } of known.values()) {
        const ours = changes.filter(({ operation_id: id }) => id !== null && isOurs(id)).length
        if (batch.status === "confirmed") confirmed += ours
        if (batch.status === "confirmed" || batch.blockchain_info.block_number !== null) settled += ours
      }
      return { settled, confirmed }
    },
    batches: () =>
      [...known.values()]
        .filter(({ changes }) => changes.some(({ operation_id: id }) => id !== null && isOurs(id)))
        .sort((a, b) => (BigInt(a.batch.batch_sequence) < BigInt(b.batch.batch_sequence) ? -1 : 1)),
  }
}

/** The sequence of the newest batch there is. */
export async function newestBatchSequence(api: ApiClient): Promise<bigint> {
  const { batches } = await api.read<BatchesAnswer>("/batches?limit=1")
  return BigInt(batches[0]?.batch_sequence ?? "0")
}

async function listBatches(
  api: ApiClient,
  afterSequence: bigint,
  isDone: (batch: Batch) => boolean,
): Promise<Batch[]> {
  const listed: Batch[] = []
  for (let cursor = ""; ; ) {
    const { batches, pagination } = await api.read<BatchesAnswer>(`/batches?limit=${pageSize}${cursor}`)
    const fresh = batches.filter((batch) => BigInt(batch.batch_sequence) > afterSequence)
    listed.push(...fresh.filter((batch) => !isDone(batch)))
    if (pagination.next_cursor === null || fresh.length < batches.length) return listed
    cursor = `&cursor=${encodeURIComponent(pagination.next_cursor)}`
  }
}

async function readBatch(api: ApiClient, batchId: string): Promise<FollowedBatch> {
  const changes: Change[] = []
  for (let cursor = ""; ; ) {
    const answer = await api.read<BatchAnswer>(`/batches/${batchId}?limit=${pageSize}${cursor}`)
    changes.push(...answer.adjustments)
    const { adjustments, pagination, ...batch } = answer
    if (pagination.next_cursor === null) return { batch, changes }
    cursor = `&cursor=${encodeURIComponent(pagination.next_cursor)}`
  }
}

/** Which of these operations' changes were settled by netting, without a transaction. */
export async function countNetted(api: ApiClient, operationIds: readonly string[]): Promise<number> {
  const counts = await forEachLimited(operationIds, readsAtOnce, async (id) => {
    const { transactions } = await api.read<OperationAnswer>(
      `/operations/${encodeURIComponent(id)}?limit=${pageSize}`,
    )
    return transactions.filter((change) => change.settled_by === "netting").length
  })
  return counts.reduce((sum, count) => sum + count, 0)
}
