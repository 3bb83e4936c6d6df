import { describeError } from "../platform/errors.ts"

/** 128 and the number of SIGPIPE, which ends other programs here. */
const readerLeft = 141

let isOutlived = false

/** Has a command end when its output is not taken any more: quietly where the reader left (`| head`), with a sentence where there is no space. */
export function endWithOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (isOutlived) return
    if (error.code === "EPIPE") process.exit(readerLeft)
    process.stderr.write(`chainbridge: the output cannot be written: ${describeError(error)}\n`)
    process.exit(1)
  })
  // There is nowhere left to say it.
  process.stderr.on("error", () => undefined)
}

/** Has the process go on without readers: a terminal that is closed, or a `| tee` that gets the same Ctrl-C, must not end it in the middle of its own end. */
export function outliveOutput(): void {
  isOutlived = true
  if (process.stdout.listenerCount("error") === 0) endWithOutput()
}
