import { z } from "@hono/zod-openapi"
import type { FieldChange } from "../../ledger/domain/diff-documents.ts"
import type { ChangedEntry } from "../../ledger/registry/change-entry.ts"
import type { Document, EntryVersion } from "../../ledger/registry/read-versions.ts"
import { timeAnswer } from "../validation/schemas.ts"

const documentSchema = z.record(z.string(), z.unknown())

const change = {
  at: timeAnswer,
  actor: z.string().openapi({
    description: "`key:<key_id>`, `person:<person_id>`, `command:<user>` or `database:<login>`",
  }),
  reason: z.string().nullable().openapi({ description: "What was said of why" }),
  rolled_back_to: z.int().nullable().openapi({ description: "The version whose document it has again" }),
}

export const registryEntrySchema = z.object({
  id: z.string().openapi({ description: "As the address has it", example: "31337:CPOP" }),
  version: z.int(),
  document: documentSchema,
  last_change: z.object(change),
})

export const registryVersionSchema = z.object({
  version: z.int(),
  ...change,
  request_id: z.string().nullable(),
  before: documentSchema.nullable().openapi({ description: "null: there was none" }),
  after: documentSchema.nullable().openapi({ description: "null: it was taken out" }),
})

export const fieldChangesSchema = z.array(
  z.object({
    field: z.string().openapi({ example: "congestion.window_blocks" }),
    before: z.unknown().openapi({ description: "Absent: there was none" }),
    after: z.unknown().openapi({ description: "Absent: there is none" }),
  }),
)

export const changedEntrySchema = z.object({
  entry: registryEntrySchema.openapi({ description: "As it is now; of a dry run: as it would be" }),
  changes: fieldChangesSchema,
  is_dry_run: z.boolean(),
  warnings: z.array(z.string()).openapi({ description: "What could not be checked" }),
})

/** @param entry one that is there */
export function presentEntry(
  entry: EntryVersion & { readonly document: Document | null },
): z.infer<typeof registryEntrySchema> {
  return {
    id: entry.entryId,
    version: entry.version,
    document: entry.document ?? {},
    last_change: presentChange(entry),
  }
}

export function presentVersion(entry: EntryVersion): z.infer<typeof registryVersionSchema> {
  return {
    version: entry.version,
    ...presentChange(entry),
    request_id: entry.requestId,
    before: entry.before,
    after: entry.document,
  }
}

export function presentChangedEntry(
  { entry, changes }: ChangedEntry,
  isDryRun: boolean,
  warnings: readonly string[] = [],
): z.infer<typeof changedEntrySchema> {
  return {
    entry: presentEntry(entry),
    changes: presentFieldChanges(changes),
    is_dry_run: isDryRun,
    warnings: [...warnings],
  }
}

export function presentFieldChanges(changes: readonly FieldChange[]): z.infer<typeof fieldChangesSchema> {
  return changes.map(({ field, before, after }) => ({ field, before, after }))
}

function presentChange({ at, actor, reason, rolledBackTo }: EntryVersion) {
  return { at: at.toISOString(), actor, reason, rolled_back_to: rolledBackTo }
}
