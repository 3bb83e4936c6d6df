export type GroupedReads<Key, Value> = {
  /** The value of a key, from a read that begins after this call. */
  read(key: Key): Promise<Value>
}

type Waiting<Key, Value> = { readonly keys: Map<Key, PromiseWithResolvers<Value>> }

/**
 * Asks for several keys at once: whoever comes while so many reads are under way goes along with the next one. Alone, nobody waits; where many ask, each pays a part of a question.
 * @param readAll rejects for all of its keys, or has a value for each
 */
export function groupReads<Key, Value>(options: {
  readonly readAll: (keys: readonly Key[]) => Promise<(key: Key) => Value>
  readonly underWayMax: number
  readonly keysMax: number
}): GroupedReads<Key, Value> {
  const { readAll, underWayMax, keysMax } = options
  const waiting: Waiting<Key, Value>[] = []
  let underWay = 0

  function startNext(): void {
    const group = underWay < underWayMax ? waiting.shift() : undefined
    if (group === undefined) return
    underWay += 1
    const { keys } = group
    readAll([...keys.keys()])
      .then(
        (find) => {
          for (const [key, { resolve }] of keys) resolve(find(key))
        },
        (error: unknown) => {
          for (const { reject } of keys.values()) reject(error)
        },
      )
      .finally(() => {
        underWay -= 1
        startNext()
      })
  }

  return {
    read(key) {
      let group = waiting.at(-1)
      const known = group?.keys.get(key)
      if (known !== undefined) return known.promise
      if (group === undefined || group.keys.size >= keysMax) {
        group = { keys: new Map() }
        waiting.push(group)
      }
      const asked = Promise.withResolvers<Value>()
      group.keys.set(key, asked)
      // After those that came in the same turn.
      if (underWay < underWayMax) queueMicrotask(startNext)
      return asked.promise
    },
  }
}
