// A thread that reads and checks parts of a log, for scan-pool.ts.
import { parentPort, workerData } from "node:worker_threads"
import {
  type LogScanner,
  openLogScanner,
  type ScanResult,
  type ScanSource,
  type ScanTask,
} from "./log-scanner.ts"

const port = parentPort
if (port === null) throw new Error("this file is run as a worker thread")
const opened: Promise<LogScanner> = openLogScanner(workerData as ScanSource)

port.on("message", (task: ScanTask | "close") => {
  if (task === "close") {
    void opened.then((scanner) => scanner.close()).finally(() => port.close())
    return
  }
  opened
    .then((scanner) => scanner.run(task))
    .then((result) => port.postMessage({ result }, transfersOf(result)))
    // The pool ends the run with it.
    .catch((error: unknown) => port.postMessage({ error }))
})
// A refused connection is the answer to the first task.
opened.catch(() => undefined)

function transfersOf(result: ScanResult): ArrayBuffer[] {
  if (result.kind === "rows") return []
  const { kinds, accounts, limbs, whole, items } = result.segment
  const arrays = [
    kinds,
    accounts,
    limbs,
    whole,
    ...(items === undefined ? [] : [items.states, items.batches]),
  ]
  return arrays.map(({ buffer }) => buffer as ArrayBuffer)
}
