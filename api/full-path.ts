import type { Route } from "./route.ts"

/** Where the route answers: `/api/v1/balance/{user_id}`. */
export function fullPath(route: Pick<Route, "path" | "isProbe">): string {
  return route.isProbe === true ? route.path : `/api/v1${route.path}`
}
