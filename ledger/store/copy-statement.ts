import { rememberLast } from "../../platform/remember-last.ts"

/**
 * Rows for `COPY … FROM STDIN` in its text format. The server takes them in at two thirds of what an INSERT of arrays costs it, and they are made here by
 * joining texts; only a pipelined transaction can send them. Each text of `rows` is some rows, and is taken once, when those before it are on their way.
 */
export type CopyStatement = { readonly text: string; readonly rows: Iterable<string> }

const special = /[\b\f\n\r\t\v\\]/
const escapes: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
}

export const copyNull = "\\N"

export function copyText(text: string | null): string {
  if (text === null) return copyNull
  return special.test(text) ? text.replace(/[\b\f\n\r\t\v\\]/g, (found) => escapes[found] ?? found) : text
}

export function copyBytes(bytes: Buffer | null): string {
  return bytes === null ? copyNull : `\\\\x${bytes.toString("hex")}`
}

// The rows of one statement mostly share their times.
const timeText = rememberLast((ms: number) => new Date(ms).toISOString())

export function copyTime(date: Date): string {
  return timeText(date.getTime())
}
