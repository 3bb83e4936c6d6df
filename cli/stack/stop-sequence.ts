import { describeError } from "../../platform/errors.ts"

/** What has to be undone at the end, newest first. What is added after the end began is undone at once. */
export type StopSequence = {
  add(undo: () => Promise<void> | void): void
  isStopping(): boolean
  /** Undoes everything; a second call waits for the first. */
  run(onFault: (message: string) => void): Promise<void>
}

export function createStopSequence(): StopSequence {
  const undos: (() => Promise<void> | void)[] = []
  let ending: Promise<void> | undefined
  async function undoAll(onFault: (message: string) => void): Promise<void> {
    for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) {
      try {
        await undo()
      } catch (error) {
        onFault(describeError(error))
      }
    }
  }
  return {
    add(undo) {
      undos.push(undo)
    },
    isStopping: () => ending !== undefined,
    async run(onFault) {
      ending ??= undoAll(onFault)
      await ending
      // A step that was under way when the end began may have added what it had just started.
      await undoAll(onFault)
    },
  }
}
