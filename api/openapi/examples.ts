import { readFileSync } from "node:fs"
import { fullPath } from "../full-path.ts"
import type { Route } from "../route.ts"

/** One exchange as it took place in a test, with what differs from run to run made plain. */
export type Example = {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[]>>
  readonly body?: unknown
  /** The whole envelope; what a stream begins with, as text. */
  readonly answer?: unknown
}

const examples = JSON.parse(readFileSync(new URL("./examples.json", import.meta.url), "utf8")) as Readonly<
  Record<string, Example>
>

export function exampleOf(route: Route): Example | undefined {
  return examples[exampleKey(route)]
}

/** `GET /api/v1/balance/{user_id}` */
export function exampleKey(route: Route): string {
  return `${route.method.toUpperCase()} ${fullPath(route)}`
}
