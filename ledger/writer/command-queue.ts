import { type LedgerCommand, weightOf } from "../domain/commands.ts"

export type QueueLimits = {
  /** Requests that may wait. */
  readonly queueRequestsMax: number
  /** Adjustments that may wait, over all requests. */
  readonly queueAdjustmentsMax: number
  readonly groupRequestsMax: number
  readonly groupAdjustmentsMax: number
}

type Waiting = { readonly command: LedgerCommand }

export type CommandQueue<Item extends Waiting> = {
  /** @returns false when the queue is full; the item then is not in it */
  push(item: Item): boolean
  /** What is written together next; empty only when nothing waits. */
  takeGroup(): Item[]
  readonly requests: () => number
  /** Of all that waits, see weightOf. */
  readonly weight: () => number
}

/** A heavier command than this one is a large one. */
const lightMax = 100

/**
 * Requests in the order of their arrival, except that large and small ones have a line each, which take turns. So a small one waits for the group that is being
 * written and for its own, however many large ones came before it, and a large one lets one group of small ones pass.
 */
export function createCommandQueue<Item extends Waiting>(limits: QueueLimits): CommandQueue<Item> {
  const light: Item[] = []
  const heavy: Item[] = []
  let waitingWeight = 0
  let isHeavyTurn = false

  /** Moves as much of a line to the group as fits, and its first item in any case when the group is empty. */
  function fill(group: Item[], line: Item[], weightBefore: number): number {
    let weight = weightBefore
    let count = 0
    for (const { command } of line) {
      const isEmpty = group.length + count === 0
      const next = weight + weightOf(command)
      if (!isEmpty && next > limits.groupAdjustmentsMax) break
      if (group.length + count >= limits.groupRequestsMax) break
      weight = next
      count += 1
    }
    group.push(...line.splice(0, count))
    return weight
  }

  return {
    push(item) {
      const weight = weightOf(item.command)
      const requests = light.length + heavy.length
      if (requests >= limits.queueRequestsMax) return false
      if (requests > 0 && waitingWeight + weight > limits.queueAdjustmentsMax) return false
      waitingWeight += weight
      if (weight > lightMax) heavy.push(item)
      else light.push(item)
      return true
    },
    takeGroup() {
      const group: Item[] = []
      const takesHeavy = heavy.length > 0 && (isHeavyTurn || light.length === 0)
      let weight = takesHeavy ? fill(group, heavy, 0) : 0
      // Small ones may go along with large ones, which they would wait for anyway; the other way round all of them would wait.
      weight = fill(group, light, weight)
      waitingWeight -= weight
      isHeavyTurn = !takesHeavy
      return group
    },
    requests: () => light.length + heavy.length,
    weight: () => waitingWeight,
  }
}
