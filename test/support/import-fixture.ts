import { type ImportRunOptions, type RunningImports, runImports } from "../../api/imports/run-imports.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import { createLogger } from "../../platform/logger.ts"
import { findContractFaults } from "./contract-faults.ts"
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

/** Whose imports: TestApi is one. */
export type ImportCaller = { readonly server: { readonly url: string }; readonly apiKey: string }

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
  api: ImportCaller,
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
  const text = await response.text()
  const { status, headers } = response
  const path = `/api/v1/imports${options.query ?? ""}`
  const faults = findContractFaults({ method: "POST", path, status, headers, text })
  if (faults.length > 0) throw new Error(`POST /imports breaks the contract: ${faults.join("; ")}`)
  const body = JSON.parse(text) as {
    data?: ImportData
    errors?: { field: string | null; code: string; message: string }[]
  }
  return { status: response.status, headers: response.headers, ...body }
}

export async function readImportOf({ server, apiKey }: ImportCaller, importId: string): Promise<ImportData> {
  const response = await fetch(`${server.url}/api/v1/imports/${importId}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  })
  return ((await response.json()) as { data: ImportData }).data
}

/** Waits until it has come to an end, one way or the other. */
export function whenEnded(caller: ImportCaller, importId: string, timeoutMs = 20_000): Promise<ImportData> {
  return waitUntil(
    async () => {
      const data = await readImportOf(caller, importId)
      return (data.state === "finished" || data.state === "failed") && data
    },
    { what: `import ${importId} has ended`, timeoutMs, describe: () => readImportOf(caller, importId) },
  )
}

export type RefusedLine = {
  readonly line: number
  readonly code: string
  readonly field: string | null
  readonly message: string
}

export async function readRefused(
  { server, apiKey }: ImportCaller,
  importId: string,
): Promise<RefusedLine[]> {
  const response = await fetch(`${server.url}/api/v1/imports/${importId}/refused`, {
    headers: { authorization: `Bearer ${apiKey}` },
  })
  const lines = (await response.text()).split("\n").filter((line) => line !== "")
  return lines.map((line) => JSON.parse(line) as RefusedLine)
}
