export type ParsedEvent = {
  /** The last one that was named, by this event or by any before it. */
  readonly id: string | null
  /** null: only the id has moved on. */
  readonly data: string | null
}

/**
 * Cuts Server-Sent Events out of the pieces in which they arrive. What a piece has only begun counts when it is complete, and never if the connection
 * ends before: nothing of it was seen then, its id neither.
 */
export function createEventParser(): { feed(text: string): ParsedEvent[] } {
  let rest = ""
  let id: string | null = null
  let data: string[] = []
  let hasId = false

  function take(line: string, events: ParsedEvent[]): void {
    if (line === "") {
      if (data.length > 0 || hasId) events.push({ id, data: data.length > 0 ? data.join("\n") : null })
      data = []
      hasId = false
      return
    }
    const colon = line.indexOf(":")
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "")
    if (field === "data") data.push(value)
    if (field === "id" && !value.includes("\0")) {
      id = value
      hasId = true
    }
  }

  return {
    feed(text) {
      const events: ParsedEvent[] = []
      // A carriage return at the end may be half of a line's end.
      const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ""
      for (const line of lines) take(line, events)
      return events
    },
  }
}
