import type { Route } from "../route.ts"

/** `getBalanceByUserId` of `GET /balance/{user_id}`. */
export function operationId(route: Pick<Route, "method" | "path">): string {
  const words = route.path
    .split("/")
    .filter((step) => step !== "")
    .flatMap((step) => (step.startsWith("{") ? ["by", ...step.slice(1, -1).split("_")] : step.split("-")))
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  return route.method + words.join("")
}
