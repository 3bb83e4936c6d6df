import { type ImportRunOptions, type RunningImports, runImports } from "../../api/imports/run-imports.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import { createLogger } from "../../platform/logger.ts"
import type { TestApi } from "./test-api.ts"
import { waitUntil } from "./wait-until.ts"

/** The worker's part of imports, in this process. */
export function runTestImports(api: TestApi, options: Partial<ImportRunOptions> = {}): RunningImports {
  const logger = createLogger("imports", process.env["TEST_LOG_LEVEL"] ?? "silent")
  const { db, writerPool } = api
  return runImports({
    databaseUrl: api.database.appUrl,
    ...{ db, writerPool, logger },
    registry: createRegistryCache({ db, logger, maxAgeMs: 100 }),
    ...options,
  })
}

export type ImportData = {
  readonly import_id: string
  readonly operation_id: string
  readonly state: string
  readonly error: string | null
  readonly bytes: { readonly total: number; readonly done: number }
  readonly lines: {
    readonly done: number
    readonly applied: number
    readonly replayed: number
    readonly refused: number
  }
}

/** Sends a file; `query` begins with a question mark. */
export async function upload(
  api: TestApi,
  content: string | Buffer | ReadableStream<Uint8Array>,
  options: {
    readonly type?: string
    readonly query?: string
    readonly headers?: Record<string, string>
  } = {},
) {
  const response = await fetch(`${api.server.url}/api/v1/imports${options.query ?? ""}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${api.apiKey}`,
      "content-type": options.type ?? "text/csv",
      ...options.headers,
    },
    body: content as never,
    ...(content instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit)
  const body = (await response.json()) as {
    data?: ImportData
    errors?: { field: string | null; code: string; message: string }[]
  }
  return { status: response.status, headers: response.headers, ...body }
}

export async function readImportOf(api: TestApi, importId: string): Promise<ImportData> {
  return (await api.call("GET", `/api/v1/imports/${importId}`)).body.data as ImportData
}

/** Waits until it has come to an end, one way or the other. */
export function whenEnded(api: TestApi, importId: string, timeoutMs = 20_000): Promise<ImportData> {
  return waitUntil(
    async () => {
      const data = await readImportOf(api, importId)
      return (data.state === "finished" || data.state === "failed") && data
    },
    { what: `import ${importId} has ended`, timeoutMs },
  )
}

export async function readRefused(
  api: TestApi,
  importId: string,
): Promise<{ line: number; code: string; field: string | null; message: string }[]> {
  const response = await fetch(`${api.server.url}/api/v1/imports/${importId}/refused`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  const lines = (await response.text()).split("\n").filter((line) => line !== "")
  return lines.map((line) => JSON.parse(line) as never)
}
