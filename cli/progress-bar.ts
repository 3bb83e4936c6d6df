export type ProgressBar = {
  /** @param done of the total; @param note a few words behind the figures */
  update(done: number, note?: string): void
  /** Leaves the last state on the terminal. */
  end(): void
}

type Terminal = { readonly isTTY?: boolean; write(text: string): unknown }

const barWidth = 24
const redrawMs = 100
const lineMs = 5_000

/** How far something is, on stderr: a bar that is drawn over on a terminal, a line every few seconds anywhere else. A total of 0 is not known yet. */
export function createProgressBar(
  what: string,
  total: () => number,
  terminal: Terminal = process.stderr,
  now: () => number = () => performance.now(),
): ProgressBar {
  const began = now()
  const isDrawn = terminal.isTTY === true
  let shownAt = isDrawn ? Number.NEGATIVE_INFINITY : began
  let last = { done: 0, note: "" }

  function show(): void {
    const line = describeProgress(what, last.done, total(), (now() - began) / 1_000, last.note)
    terminal.write(isDrawn ? `\r${line}\u001b[K` : `${line}\n`)
    shownAt = now()
  }

  return {
    update(done, note = "") {
      last = { done, note }
      if (now() - shownAt >= (isDrawn ? redrawMs : lineMs)) show()
    },
    end() {
      show()
      if (isDrawn) terminal.write("\n")
    },
  }
}

function describeProgress(what: string, done: number, total: number, seconds: number, note: string): string {
  const part = total <= 0 ? 0 : Math.min(1, done / total)
  const filled = Math.round(part * barWidth)
  const bar = `${"█".repeat(filled)}${"░".repeat(barWidth - filled)}`
  const rest = part > 0 && part < 1 ? `, ${formatSpan((seconds * (1 - part)) / part)} left` : ""
  const behind = note === "" ? "" : `  ${note}`
  return `${what} ${bar} ${Math.floor(part * 100)} %${behind}  ${formatSpan(seconds)}${rest}`
}

function formatSpan(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
