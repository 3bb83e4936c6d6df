import type { Route } from "./route.ts"
import { adjustBalance } from "./routes/adjust-balance.ts"

/** Every route. A path without parameters stands before one that would match it as a parameter. */
export const routes: readonly Route[] = [adjustBalance]
