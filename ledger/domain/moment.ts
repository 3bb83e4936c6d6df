import { z } from "zod"

/** What a reader of the past names: the position of an event, or a time. */
export type Moment = { readonly position: bigint } | { readonly time: Date }

const isoTime = z.iso.datetime({ offset: true })

/** Reads `184467` as a position and an ISO 8601 time with its zone as a time; undefined for anything else. A time counts in whole milliseconds, as the log does. */
export function parseMoment(text: string): Moment | undefined {
  if (/^(?:0|[1-9]\d{0,17})$/.test(text)) return { position: BigInt(text) }
  if (!isoTime.safeParse(text).success) return undefined
  const time = new Date(text)
  return Number.isNaN(time.getTime()) ? undefined : { time }
}
