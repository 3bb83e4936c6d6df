import type { ColumnType, Generated } from "kysely"

export const registryKinds = ["chain", "token", "strategy", "reason", "rate_limit"] as const
export type RegistryKind = (typeof registryKinds)[number]

/** Tables of 026-registry-versions, part of {@link Database}. */
export type RegistryVersionTables = {
  /** Written by triggers alone. */
  "registry.versions": {
    kind: ColumnType<RegistryKind, never, never>
    entry_id: ColumnType<string, never, never>
    version: ColumnType<number, never, never>
    at: ColumnType<Date, never, never>
    actor: ColumnType<string, never, never>
    reason: ColumnType<string | null, never, never>
    request_id: ColumnType<string | null, never, never>
    rolled_back_to: ColumnType<number | null, never, never>
    document: ColumnType<Record<string, unknown> | null, never, never>
  }
  "registry.applied_documents": {
    kind: RegistryKind
    entry_id: string
    document: ColumnType<Record<string, unknown>, string, string>
    applied_at: Generated<Date>
  }
}
