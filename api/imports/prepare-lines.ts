import type { AdjustBalanceCommand } from "../../ledger/domain/adjust-balance.ts"
import type { OperationKey } from "../../ledger/store/find-operations.ts"
import { plainRules, resolveAdjustments } from "../ledger/resolve-adjustments.ts"
import { type FieldError, isRefusal } from "../refusal.ts"
import type { RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"
import { type ImportLine, type ReadingRules, readImportLine } from "./import-line.ts"
import type { RawRecord } from "./record-reader.ts"

/** What lines are read with; the same for all lines of an import. */
export type LineRules = ReadingRules & {
  readonly importId: string
  /** For lines without a key of their own: their number is the sequence. */
  readonly operationId: string
}

/** A line that could be read, with what the registry of the moment makes of it. */
export type KeyedLine = {
  readonly line: number
  readonly key: OperationKey
  readonly isOwnKey: boolean
  readonly requestHash: Buffer
  readonly amountField: "amount" | "balance"
} & (
  | { readonly command: AdjustBalanceCommand; readonly token: RegisteredToken }
  | { readonly refusal: FieldError }
)

/** `line` alone: what it says cannot even be read, so nothing can be recorded under it. */
export type PreparedLine = KeyedLine | { readonly line: number; readonly unreadable: FieldError }

/** Its lines that name none are recorded under it, with their numbers: one that does would take the place of one of them. */
const ownId: FieldError = {
  field: "operation_id",
  code: "INVALID_FIELD",
  message: "this is the operation_id of the import itself; name another one for the line",
}

export function prepareLines(
  records: readonly RawRecord[],
  rules: LineRules,
  registry: RegistrySnapshot,
  now: Date,
): PreparedLine[] {
  return records.map((record) => {
    const read = readImportLine(record, rules, now)
    if ("key" in read && read.key?.operationId === rules.operationId)
      return { line: read.line, unreadable: ownId }
    return "refusal" in read ? { line: read.line, unreadable: read.refusal } : resolve(read, rules, registry)
  })
}

function resolve(read: ImportLine, rules: LineRules, registry: RegistrySnapshot): KeyedLine {
  const { line, requestHash, amountField } = read
  const key = read.key ?? { operationId: rules.operationId, sequence: line }
  const common = {
    line,
    key,
    isOwnKey: read.key !== null,
    requestHash,
    amountField,
  }
  const resolved = resolveAdjustments(registry, [read.adjustment], plainRules("normal"))
  if (isRefusal(resolved)) {
    const [first] = resolved.errors
    const refusal = first ?? {
      field: null,
      code: resolved.refused,
      message: "the line could not be resolved",
    }
    return { ...common, refusal: { ...refusal, field: fieldOfLine(refusal.field, amountField) } }
  }
  const [only] = resolved
  if (only === undefined) throw new TypeError("an adjustment was resolved to nothing")
  return {
    ...common,
    token: only.token,
    command: {
      kind: "AdjustBalance",
      ...key,
      requestHash,
      route: "/imports",
      businessBatchId: `import_${rules.importId}`,
      answerContext: null,
      adjustments: [only.adjustment],
      ...(read.occurredAt === undefined ? {} : { occurredAt: read.occurredAt }),
    },
  }
}

/** `adjustments[0].amount`, in the words of the line. */
function fieldOfLine(field: string | null, amountField: string): string | null {
  const name = field?.replace(/^adjustments\[0\]\./, "") ?? null
  return name === "amount" ? amountField : name
}
