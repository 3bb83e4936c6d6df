import { setTimeout as sleep } from "node:timers/promises"

/**
 * Waits until `work` says it is done.
 * @throws Error when its figure has not moved for this long
 */
export async function waitWhileMoving(
  what: string,
  patienceMs: number,
  work: () => Promise<{ readonly isDone: boolean; readonly figure: number }>,
): Promise<void> {
  let newest = Number.NaN
  for (let movedAt = Date.now(); ; ) {
    const { isDone, figure } = await work()
    if (isDone) return
    if (figure !== newest) {
      newest = figure
      movedAt = Date.now()
    } else if (Date.now() - movedAt > patienceMs) {
      throw new Error(`${what} stands still at ${figure} for ${patienceMs / 1_000} s`)
    }
    await sleep(500)
  }
}
