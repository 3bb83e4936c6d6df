import { dailyTotals } from "./daily-totals.ts"
import { history } from "./history.ts"
import { operationStatus } from "./operation-status.ts"
import type { Projection } from "./projection.ts"

/** Every projection that follows the log asynchronously. */
export const allProjections: readonly Projection[] = [history, dailyTotals, operationStatus]
