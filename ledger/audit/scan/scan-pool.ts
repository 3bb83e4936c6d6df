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
  /** The results in the order of the tasks. No more than a few are read ahead of the one that is asked for. */
  run(tasks: readonly ScanTask[]): AsyncGenerator<ScanResult>
  close(): Promise<void>
}

/** Tasks that each scanner may be ahead. */
const aheadMax = 2

/** @param threads 0: on this one, which is the quickest for a small log */
export async function openScanPool(source: ScanSource, threads: number): Promise<ScanPool> {
  const scanners =
    threads === 0
      ? [await openLogScanner(source)]
      : Array.from({ length: threads }, () => startScanner(source))
  return {
    async *run(tasks) {
      // Each task waits for the one before it on the same scanner.
      const last = scanners.map((): Promise<unknown> => Promise.resolve())
      const started: Promise<ScanResult>[] = []
      const start = () => {
        const index = started.length % scanners.length
        const [task, scanner] = [tasks[started.length], scanners[index]]
        if (task === undefined || scanner === undefined) return
        const result = (last[index] ?? Promise.resolve()).then(() => scanner.run(task))
        // Whoever asks for it hears of its failure.
        result.catch(() => undefined)
        last[index] = result
        started.push(result)
      }
      for (let ahead = 0; ahead < aheadMax * scanners.length; ahead += 1) start()
      for (let next = 0; next < tasks.length; next += 1) {
        const result = await started[next]
        delete started[next]
        start()
        if (result !== undefined) yield result
      }
    },
    async close() {
      await Promise.all(scanners.map((scanner) => scanner.close()))
    },
  }
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
