import { isTransientPostgresError } from "../../platform/postgres.ts"

/** Whether the same may succeed when it is tried again. Lock timeouts and cancelled statements go away like lost connections do. */
export function isTransient(error: unknown): boolean {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return isTransientPostgresError(error) || code === "55P03" || code === "57014"
}
