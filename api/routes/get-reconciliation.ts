import { z } from "@hono/zod-openapi"
import { presentRun, runSchema } from "../presenters/reconciliation.ts"
import { countDrifts, readDrifts, readNewestRuns, readRun } from "../queries/reconciliation.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

const driftsShownMax = 100

export const getReconciliation = defineRoute({
  method: "get",
  path: "/reconciliation",
  tag: "Reconciliation and audit",
  summary: "Ledger against indexer against chain: the newest run and the newest finished one of each token",
  permission: "reconciliation.read",
  query: z.strictObject({
    run_id: z
      .uuid("use a run_id of POST /reconciliation/run")
      .optional()
      .openapi({ description: "Only this run" }),
  }),
  answer: z.object({ runs: z.array(runSchema) }),
  refusals: ["UNKNOWN_RECONCILIATION_RUN"],
  async handle(services, { query, caller }) {
    const { db } = services
    const { ledgerId } = caller
    const registry = await services.registry.current()
    const only = query.run_id === undefined ? undefined : await readRun(db, ledgerId, query.run_id)
    if (query.run_id !== undefined && only === undefined)
      return refuse("UNKNOWN_RECONCILIATION_RUN", "run_id", "use a run_id of POST /reconciliation/run")
    const runs = only === undefined ? await readNewestRuns(db, ledgerId, [...registry.tokens.keys()]) : [only]
    // A run's differences come with its end, and do not change any more. Of one that ends after it was read here they would be more than it says.
    const runIds = runs.filter(({ state }) => state === "finished").map((run) => run.run_id)
    const [counts, drifts] = await Promise.all([
      countDrifts(db, ledgerId, runIds),
      readDrifts(db, ledgerId, runIds, driftsShownMax),
    ])
    return {
      data: {
        runs: runs.map((run) =>
          presentRun(
            registry,
            run,
            counts.get(run.run_id) ?? {},
            drifts.filter((drift) => drift.run_id === run.run_id),
          ),
        ),
      },
    }
  },
})
