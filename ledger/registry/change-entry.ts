import type { Kysely, Transaction } from "kysely"
import { describeValue } from "../../platform/config/describe-issue.ts"
import { diffDocuments, type FieldChange } from "../domain/diff-documents.ts"
import type { Initiator } from "../domain/operator-action.ts"
import type { Database } from "../store/database.ts"
import { type EditableKind, editableKinds, lockEntry } from "./editable-kinds.ts"
import { nameChange } from "./name-change.ts"
import { type Document, type EntryVersion, readEntry, readVersion } from "./read-versions.ts"
import { retirementOf } from "./retirement-of.ts"

export type EntryProblem = {
  /** Of the document; null: it is about the entry. */
  readonly field: string | null
  readonly code:
    | "UNKNOWN_ENTRY"
    | "UNKNOWN_VERSION"
    | "ENTRY_EXISTS"
    | "VERSION_CONFLICT"
    | "FIELD_IS_FIXED"
    | "UNKNOWN_FIELD"
    | "INVALID_FIELD"
  readonly message: string
}

export type ChangedEntry = {
  /** After a dry run as it would be. */
  readonly entry: EntryVersion
  readonly changes: readonly FieldChange[]
}

export type RefusedEntry = { readonly refused: readonly [EntryProblem, ...EntryProblem[]] }

export type EntryChange = {
  readonly kind: EditableKind
  readonly entryId: string
  /** The version that whoever changes it has seen. */
  readonly expectedVersion: number
  readonly initiator: Initiator
  readonly reason: string
  /** Shows what would be, and leaves all as it is. */
  readonly isDryRun: boolean
} & (
  | { /** Laid over the document: maps are merged, anything else is replaced. */ readonly fields: Document }
  | { /** The version whose document it is to have again. */ readonly version: number }
)

/** Changes an entry of the registry, as one version more. Nothing is changed where anything is wrong. */
export function changeEntry(db: Kysely<Database>, change: EntryChange): Promise<ChangedEntry | RefusedEntry> {
  const { kind, entryId, expectedVersion } = change
  const { schema, check, write } = editableKinds[kind]
  return inTransaction(db, change.isDryRun, async (trx) => {
    await lockEntry(trx, kind, entryId)
    const current = await readEntry(trx, kind, entryId)
    if (current === undefined || current.document === null)
      return refuse(null, "UNKNOWN_ENTRY", `there is no ${kind} "${entryId}"`)
    if (current.version !== expectedVersion) return refuseVersion(current, expectedVersion)
    const isChangeable = (name: string) => Object.hasOwn(schema.shape, name)
    const own = Object.fromEntries(Object.entries(current.document).filter(([name]) => isChangeable(name)))
    let wanted: Document
    let rolledBackTo: number | undefined
    if ("fields" in change) {
      const problems = findUnchangeable(kind, current.document, change.fields, isChangeable)
      if (problems !== null) return problems
      const given = Object.entries(change.fields).filter(([name]) => isChangeable(name))
      wanted = lay(Object.fromEntries(given), own) as Document
    } else {
      const target = await readVersion(trx, kind, entryId, change.version)
      if (target?.document === undefined || target.document === null)
        return refuse(null, "UNKNOWN_VERSION", `"${entryId}" has no version ${change.version}`)
      rolledBackTo = target.version === current.version ? undefined : target.version
      // What was retired since then stays so: somebody who takes a figure back does not mean to open the entry again.
      wanted = Object.fromEntries(
        Object.entries({ ...target.document, ...retirementOf(own) }).filter(([name]) => isChangeable(name)),
      )
    }
    const parsed = schema.safeParse(wanted)
    if (!parsed.success) return refuseIssues(parsed.error.issues, wanted)
    // Each kind's own functions take what its own schema has parsed.
    const document = parsed.data as never
    const found = await check(trx, entryId, document)
    const [first, ...others] = found.map((problem) => ({ ...problem, code: "INVALID_FIELD" as const }))
    if (first !== undefined) return { refused: [first, ...others] }
    await nameChange(trx, change.initiator, {
      reason: change.reason,
      ...(rolledBackTo === undefined ? {} : { rolledBackTo }),
    })
    await write(trx, entryId, document)
    return readChanged(trx, kind, entryId, current.document)
  })
}

/** What has become of an entry in this transaction. @param before null: it was not there */
export async function readChanged(
  trx: Kysely<Database>,
  kind: EditableKind,
  entryId: string,
  before: Document | null,
): Promise<ChangedEntry> {
  const entry = await readEntry(trx, kind, entryId)
  if (entry === undefined) throw new TypeError(`the ${kind} ${entryId} was written without a version`)
  return { entry, changes: diffDocuments(before, entry.document) }
}

/** Commits what was done, unless it was refused or only tried. Somebody who writes the same at the same moment is a conflict. */
export async function inTransaction(
  db: Kysely<Database>,
  isDryRun: boolean,
  work: (trx: Transaction<Database>) => Promise<ChangedEntry | RefusedEntry>,
): Promise<ChangedEntry | RefusedEntry> {
  try {
    return await db.transaction().execute(async (trx) => {
      const result = await work(trx)
      if (isDryRun || "refused" in result) throw new NotToStay(result)
      return result
    })
  } catch (error) {
    if (error instanceof NotToStay) return error.result
    if ((error as { code?: unknown }).code === uniqueViolation)
      return refuse(null, "VERSION_CONFLICT", "somebody else wrote the same at this moment; read it again")
    throw error
  }
}

/** Thrown, so that nothing of it stays. */
class NotToStay extends Error {
  readonly result: ChangedEntry | RefusedEntry
  constructor(result: ChangedEntry | RefusedEntry) {
    super("nothing of it stays")
    this.result = result
  }
}

const uniqueViolation = "23505"

export function refuse(field: string | null, code: EntryProblem["code"], message: string): RefusedEntry {
  return { refused: [{ field, code, message }] }
}

function refuseVersion({ version, actor, at }: EntryVersion, expected: number): RefusedEntry {
  const message = `it is at version ${version}, changed by ${actor} at ${at.toISOString()}, and not at ${expected}; read it again, and change what it is now`
  return refuse("expected_version", "VERSION_CONFLICT", message)
}

/** @param parsed what the schema was given */
export function refuseIssues(issues: Parameters<typeof describeValue>[0][], parsed: Document): RefusedEntry {
  const problems = issues.flatMap((issue): EntryProblem[] => {
    const path = issue.path.map(String).join(".")
    if (issue.code !== "unrecognized_keys")
      return [{ field: path, code: "INVALID_FIELD", message: describeValue(issue, parsed) }]
    return issue.keys.map((key) => unknownField(path === "" ? key : `${path}.${key}`))
  })
  const [first, ...others] = problems
  if (first === undefined) throw new TypeError("a schema refused without an issue")
  return { refused: [first, ...others] }
}

/** Fields that there are not, and fields that stay what they are. */
function findUnchangeable(
  kind: EditableKind,
  current: Document,
  fields: Document,
  isChangeable: (name: string) => boolean,
): RefusedEntry | null {
  const problems = Object.entries(fields).flatMap(([name, value]): EntryProblem[] => {
    if (isChangeable(name)) return []
    if (!Object.hasOwn(current, name)) return [unknownField(name)]
    const is = current[name]
    if (value === is) return []
    const message = `is ${JSON.stringify(is)} for ever: what was recorded was recorded with it; leave it out, or register another ${kind}`
    return [{ field: name, code: "FIELD_IS_FIXED", message }]
  })
  const [first, ...others] = problems
  return first === undefined ? null : { refused: [first, ...others] }
}

function unknownField(field: string): EntryProblem {
  return { field, code: "UNKNOWN_FIELD", message: `there is no field "${field}" here; leave it out` }
}

function lay(over: unknown, under: unknown): unknown {
  if (!isMap(over) || !isMap(under)) return over
  const merged = new Map(Object.entries(under))
  for (const [name, value] of Object.entries(over)) merged.set(name, lay(value, merged.get(name)))
  return Object.fromEntries(merged)
}

function isMap(value: unknown): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
