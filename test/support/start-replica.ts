import { type ApiServer, startApiServer } from "../../api/api-server.ts"
import type { IdentityOptions } from "../../api/context.ts"
import type { ApiLimits } from "../../api/limits.ts"
import { createLogger } from "../../platform/logger.ts"
import { callApi } from "./call-api.ts"
import type { ApiReply, TestApi } from "./test-api.ts"

export type Replica = Pick<ApiServer, "url" | "stop"> & {
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiReply>
}

/** One more API over the database of another one. @param port any free one, unless named */
export async function startReplica(
  api: TestApi,
  identity: IdentityOptions,
  port = 0,
  limits: Partial<ApiLimits> = {},
): Promise<Replica> {
  const server = await startApiServer({
    db: api.db,
    writerPool: api.writerPool,
    databaseUrl: api.database.appUrl,
    logger: createLogger("api", "silent"),
    host: "127.0.0.1",
    port,
    version: "0.0.0-test",
    identity,
    limits,
  })
  return {
    url: server.url,
    stop: () => server.stop(),
    call: (...request) => callApi(server.url, api.apiKey, ...request),
  }
}
