import { type FewNumbers, fewNumbers } from "../../domain/few-numbers.ts"
import { itemStates, type SegmentItems } from "./segment.ts"

type Page = {
  readonly states: Uint8Array
  /** Absent while none of them is in a batch. */
  batches: FewNumbers | undefined
}

const pageEvents = 8_192

/** What `settlement.batch_items` says of every event: a byte, and another where one nearby is in a batch. */
export type ItemPages = {
  /** @param from the position that `items` begin with */
  add(from: number, count: number, items: SegmentItems): void
  at(position: number): { readonly state: (typeof itemStates)[number]; readonly batch: number }
}

/** Pages are there where the table says something. */
export function createItemPages(): ItemPages {
  const pages = new Map<number, Page>()

  function pageAt(index: number): Page {
    const known = pages.get(index)
    if (known !== undefined) return known
    const page = { states: new Uint8Array(pageEvents), batches: undefined }
    pages.set(index, page)
    return page
  }

  return {
    add(from, count, { states, batches }) {
      for (let done = 0; done < count; ) {
        const index = from - 1 + done
        const at = index % pageEvents
        const length = Math.min(count - done, pageEvents - at)
        const page = pageAt(Math.floor(index / pageEvents))
        page.states.set(states.subarray(done, done + length), at)
        for (let offset = 0; offset < length; offset += 1) {
          const batch = batches[done + offset] ?? 0
          if (batch === 0) continue
          page.batches ??= fewNumbers(pageEvents)
          page.batches.put(at + offset, batch)
        }
        done += length
      }
    },
    at(position) {
      const page = pages.get(Math.floor((position - 1) / pageEvents))
      const at = (position - 1) % pageEvents
      return { state: itemStates[page?.states[at] ?? 0] ?? "other", batch: page?.batches?.at(at) ?? 0 }
    },
  }
}
