import { isDeepStrictEqual } from "node:util"
import { sql, type Transaction } from "kysely"
import type { z } from "zod"
import { type EditableKind, type FieldProblem, lockEntry } from "../../ledger/registry/editable-kinds.ts"
import { type Document, readEntry, readVersion } from "../../ledger/registry/read-versions.ts"
import { retirementOf } from "../../ledger/registry/retirement-of.ts"
import type { Database } from "../../ledger/store/database.ts"
import { describeIssue } from "../../platform/config/describe-issue.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

/** A field that was changed over the API, or in the database, since the files were applied last, and of which they say something else. */
export type RuntimeChange = {
  readonly kind: EditableKind
  readonly entryId: string
  readonly field: string
  readonly current: unknown
  readonly inFiles: unknown
  /** Of the newest version. */
  readonly actor: string
}

/** An entry that is what it was, or is not there, because what is in force and what the files say do not go together. */
export type LeftEntry = {
  readonly kind: EditableKind
  readonly entryId: string
  /** null: there is none. */
  readonly version: number | null
  readonly problems: readonly string[]
}

/** What becomes of fields that were changed at run time: the files win, or the registry, or neither and nothing is applied. */
export type WhenChanged = "overwrite" | "keep" | "refuse"

export type Merging = {
  readonly trx: Transaction<Database>
  readonly whenChanged: WhenChanged
  readonly changed: RuntimeChange[]
  readonly left: LeftEntry[]
}

type Wanted<Value> = {
  readonly kind: EditableKind
  readonly entryId: string
  /** What the files say. */
  readonly document: Document
  readonly schema: z.ZodType<Value>
  /** What only other entries tell. */
  check(document: Value): Promise<readonly FieldProblem[]>
  /** What the files call it. */
  readonly where: string
}

/**
 * What an entry is to be: what the files say, save what was changed at run time. What they say is remembered, so that the next time it is known which of both has changed.
 * Nothing is remembered of an entry that is left as it is: the next time it is tried again.
 * @returns the document to write; null: the entry stays as it is in force
 * @throws ChainBridgeError CONFIG_INVALID unless what was changed at run time is to blame, and is to be kept
 */
export async function mergeDocument<Value>(
  { trx, whenChanged, changed, left }: Merging,
  { kind, entryId, document, schema, check, where }: Wanted<Value>,
): Promise<Value | null> {
  await lockEntry(trx, kind, entryId)
  const known = await readEntry(trx, kind, entryId)
  const current = known?.document ?? null
  const base = current === null ? null : await readBase(trx, kind, entryId)
  const own: RuntimeChange[] = []
  const fields = Object.entries(document).map(([field, inFiles]): [string, unknown] => {
    if (known === undefined || current === null) return [field, inFiles]
    const is = current[field]
    const isUntouched = base !== null && isDeepStrictEqual(is, base[field])
    if (isUntouched || isDeepStrictEqual(is, inFiles)) return [field, inFiles]
    own.push({ kind, entryId, field, current: is, inFiles, actor: known.actor })
    return [field, whenChanged === "overwrite" ? inFiles : is]
  })
  changed.push(...own)
  const merged = { ...Object.fromEntries(fields), ...retirementOf(current ?? {}) }
  const parsed = schema.safeParse(merged)
  const issues = parsed.error?.issues.map((issue) => describeIssue(issue, merged, "it")) ?? []
  const found = parsed.success ? await check(parsed.data) : []
  const problems = [...issues, ...found.map(({ field, message }) => `${field} ${message}`)]
  if (parsed.success && problems.length === 0) {
    await remember(trx, kind, entryId, document)
    return parsed.data
  }
  // The whole of it is refused for those changes: that is what has to be said.
  if (whenChanged === "refuse" && own.length > 0) return null
  const isOfFilesAlone = issues.length > 0 && own.length === 0
  // Without a chain there is nothing to start; without a token, all the others.
  const mayStay = current !== null || kind === "token"
  if (whenChanged !== "keep" || isOfFilesAlone || !mayStay)
    throw new ChainBridgeError("CONFIG_INVALID", problems.map((problem) => `${where} ${problem}`).join("\n"))
  left.push({ kind, entryId, version: current === null ? null : (known?.version ?? null), problems })
  return null
}

async function remember(
  trx: Transaction<Database>,
  kind: EditableKind,
  entryId: string,
  document: Document,
): Promise<void> {
  await sql`
    INSERT INTO registry.applied_documents (kind, entry_id, document) VALUES (${kind}, ${entryId}, ${JSON.stringify(document)})
    ON CONFLICT (kind, entry_id) DO UPDATE SET document = excluded.document, applied_at = clock_timestamp()
    WHERE applied_documents.document <> excluded.document`.execute(trx)
}

/** What the files said the last time. What was put there by a statement at the database counts as theirs. */
async function readBase(
  trx: Transaction<Database>,
  kind: EditableKind,
  entryId: string,
): Promise<Document | null> {
  const applied = await trx
    .selectFrom("registry.applied_documents")
    .select("document")
    .where("kind", "=", kind)
    .where("entry_id", "=", entryId)
    .executeTakeFirst()
  if (applied !== undefined) return applied.document
  const first = await readVersion(trx, kind, entryId, 1)
  return first?.actor.startsWith("database:") === true ? first.document : null
}

/** One line a field, for people. */
export function describeRuntimeChange({
  kind,
  entryId,
  field,
  current,
  inFiles,
  actor,
}: RuntimeChange): string {
  return `${kind} ${entryId}: ${field} is ${JSON.stringify(current)} (last changed by ${actor}), the files say ${JSON.stringify(inFiles)}`
}

/** One line an entry, for people. */
export function describeLeftEntry({ kind, entryId, version, problems }: LeftEntry): string {
  const stays = version === null ? "is not registered" : `stays at version ${version}`
  return `${kind} ${entryId} ${stays}; what the files say does not go with what was changed at run time: ${problems.join("; ")}`
}
