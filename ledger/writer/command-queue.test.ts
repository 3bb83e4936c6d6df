import { expect, it } from "vitest"
import type { AdjustBalanceCommand, Adjustment } from "../domain/adjust-balance.ts"
import { createCommandQueue, type QueueLimits } from "./command-queue.ts"

const limits: QueueLimits = {
  queueRequestsMax: 20,
  queueAdjustmentsMax: 40_000,
  groupRequestsMax: 4,
  groupAdjustmentsMax: 2_000,
}

const adjustment: Adjustment = {
  userId: "ann",
  tokenId: 1,
  amountBaseUnits: 1n,
  reasonType: "reward",
  businessType: "reward",
  priority: "normal",
  isImmediate: false,
  maxWaitMs: null,
  reasonDetail: null,
  metadata: {},
}

function requestOf(operationId: string, adjustments: number): { readonly command: AdjustBalanceCommand } {
  return {
    command: {
      kind: "AdjustBalance",
      operationId,
      sequence: 0,
      requestHash: Buffer.alloc(32),
      route: "/balance/adjust",
      businessBatchId: null,
      answerContext: null,
      adjustments: Array.from({ length: adjustments }, () => adjustment),
    },
  }
}

function queueOf(...requests: (readonly [operationId: string, adjustments: number])[]) {
  const queue = createCommandQueue<ReturnType<typeof requestOf>>(limits)
  for (const [operationId, adjustments] of requests) queue.push(requestOf(operationId, adjustments))
  return {
    ...queue,
    group: () => queue.takeGroup().map(({ command }) => command.operationId),
  }
}

it("groups small ones in the order of their arrival, up to the limit of requests", () => {
  const queue = queueOf(["a", 1], ["b", 1], ["c", 1], ["d", 1], ["e", 1])
  expect(queue.group()).toEqual(["a", "b", "c", "d"])
  expect(queue.group()).toEqual(["e"])
  expect(queue.group()).toEqual([])
})

it("lets a small one overtake the large ones that came before it", () => {
  const queue = queueOf(["large 1", 10_000], ["large 2", 10_000], ["small", 1])
  expect([queue.group(), queue.group(), queue.group()]).toEqual([["small"], ["large 1"], ["large 2"]])
})

it("does not keep a large one waiting behind a stream of small ones", () => {
  const queue = queueOf(["large", 10_000])
  const groups: string[][] = []
  for (let turn = 0; turn < 3; turn += 1) {
    for (let index = 0; index < 6; index += 1) queue.push(requestOf(`small ${turn} ${index}`, 1))
    groups.push(queue.group())
  }
  expect(groups.map((group) => group.includes("large"))).toEqual([false, true, false])
})

it("takes small ones and large ones in turns while there are both", () => {
  const queue = queueOf(["large 1", 2_000], ["large 2", 2_000], ["large 3", 2_000])
  const order: string[] = []
  for (let turn = 0; turn < 6; turn += 1) {
    queue.push(requestOf(`small ${turn}`, 1))
    order.push(...queue.group())
  }
  expect(order).toEqual([
    ...["small 0", "large 1", "small 1", "small 2", "large 2", "small 3", "small 4", "large 3"],
  ])
})

it("bounds a group by its adjustments, and takes one that is larger alone", () => {
  const queue = queueOf(["a", 1_000], ["b", 1_000], ["c", 1_000], ["huge", 10_000], ["d", 1_000])
  expect([queue.group(), queue.group(), queue.group(), queue.group()]).toEqual([
    ["a", "b"],
    ["c"],
    ["huge"],
    ["d"],
  ])
})

it("is full by requests and by adjustments, and has room again", () => {
  const byRequests = queueOf(...Array.from({ length: 20 }, (_, index) => [`${index}`, 1] as const))
  expect(byRequests.push(requestOf("one too many", 1))).toBe(false)
  byRequests.group()
  expect(byRequests.push(requestOf("one more", 1))).toBe(true)
  const byWeight = queueOf(["a", 10_000], ["b", 10_000], ["c", 10_000], ["d", 10_000])
  expect(byWeight.push(requestOf("one too many", 1))).toBe(false)
  byWeight.group()
  expect(byWeight.push(requestOf("one more", 10_000))).toBe(true)
  expect(byWeight.requests()).toBe(4)
})
