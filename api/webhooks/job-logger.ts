import { Logger as JobLogger } from "graphile-worker"
import type { Logger } from "../../platform/logger.ts"

/** What the job queue says of itself. That a job was found and has ended is said thousands of times. */
export function createJobLogger(logger: Logger): JobLogger {
  return new JobLogger(() => (level, message) => {
    if (level === "error") logger.error({ jobs: message }, "the job queue has failed")
    else logger.debug({ jobs: message }, "the job queue")
  })
}
