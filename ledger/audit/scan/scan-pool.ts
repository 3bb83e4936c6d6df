import { Worker } from "node:worker_threads"
import {
  type LogScanner,
  openLogScanner,
  type ScanResult,
  type ScanSource,
  type ScanTask,
} from "./log-scanner.ts"

/** Reads parts of a log, several at once. */
export type ScanPool = {
  /**
   * The results in the order of the tasks, which are asked for one by one. No more than a few are read ahead of the one that is asked for. A segment that was cut is followed by what is
   * left of it, in parts of its length.
   */
  run(tasks: Iterable<ScanTask>): AsyncGenerator<ScanResult>
  close(): Promise<void>
}

/** Tasks that each scanner may be ahead. Behind a segment that was cut, as many again are kept. */
const aheadMax = 2

type Entry = { readonly task: ScanTask; result?: Promise<ScanResult> }

/** @param threads 0: on this one, which is the quickest for a small log */
export async function openScanPool(source: ScanSource, threads: number): Promise<ScanPool> {
  const scanners =
    threads === 0
      ? [await openLogScanner(source)]
      : Array.from({ length: threads }, () => startScanner(source))
  const desks = scanners.map((scanner) => ({ scanner, last: Promise.resolve(), waiting: 0 }))

  /** Each task waits for the one before it on the same scanner. */
  function start(task: ScanTask): Promise<ScanResult> {
    const desk = desks.reduce((least, other) => (other.waiting < least.waiting ? other : least))
    desk.waiting += 1
    const result = desk.last.then(() => desk.scanner.run(task))
    const end = () => {
      desk.waiting -= 1
    }
    // Whoever asks for it hears of its failure.
    desk.last = result.then(end, end)
    return result
  }

  return {
    async *run(tasks) {
      const source = tasks[Symbol.iterator]()
      const ahead = aheadMax * scanners.length
      const queue: Entry[] = []
      const fill = () => {
        while (queue.length < ahead) {
          const next = source.next()
          if (next.done === true) break
          queue.push({ task: next.value })
        }
        for (const entry of queue.slice(0, ahead)) entry.result ??= start(entry.task)
      }
      for (;;) {
        fill()
        const first = queue.shift()
        if (first?.result === undefined) return
        const result = await first.result
        queue.unshift(...restOf(first.task, result).map((task) => ({ task })))
        // So that nobody waits while this result is looked at.
        fill()
        yield result
      }
    },
    async close() {
      await Promise.all(scanners.map((scanner) => scanner.close()))
    },
  }
}

function restOf(task: ScanTask, result: ScanResult): ScanTask[] {
  if (task.kind !== "events" || result.kind !== "events" || !result.segment.isCut) return []
  const { from, count } = result.segment
  const rest: ScanTask[] = []
  for (let next = from + count; next <= task.to; next += count)
    rest.push({ ...task, from: next, to: Math.min(task.to, next + count - 1) })
  return rest
}

function startScanner(workerData: ScanSource): LogScanner {
  const worker = new Worker(new URL("./scan-worker.ts", import.meta.url), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: 6, maxOldGenerationSizeMb: 256 },
  })
  let answer: PromiseWithResolvers<ScanResult> | undefined
  let failure: unknown
  const fail = (error: unknown) => {
    failure ??= error
    answer?.reject(error)
  }
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()))
  worker.on("message", (message: { readonly result: ScanResult } | { readonly error: unknown }) => {
    if ("result" in message) answer?.resolve(message.result)
    else answer?.reject(message.error)
  })
  worker.on("error", fail)
  worker.once("exit", (code) => fail(new Error(`a thread of the verifier ended with ${code}`)))
  return {
    run(task) {
      if (failure !== undefined) return Promise.reject(failure)
      answer = Promise.withResolvers()
      worker.postMessage(task)
      return answer.promise
    },
    async close() {
      worker.postMessage("close")
      await exited
    },
  }
}
