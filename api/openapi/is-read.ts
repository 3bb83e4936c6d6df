import type { Route } from "../route.ts"

/** Whether a route answers with what stands there now, which has an ETag. */
export function isRead(route: Route): boolean {
  return route.method === "get" && route.answer !== null && (route.answerStatus ?? 200) === 200
}
