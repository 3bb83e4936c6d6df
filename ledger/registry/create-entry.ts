import type { Kysely } from "kysely"
import type { TokenStrategy } from "../../platform/config/token-strategy.ts"
import type { Initiator } from "../domain/operator-action.ts"
import type { Database } from "../store/database.ts"
import { type ChangedEntry, inTransaction, type RefusedEntry, readChanged, refuse } from "./change-entry.ts"
import {
  checkStrategy,
  type EditableKind,
  editableKinds,
  type FieldProblem,
  lockEntry,
} from "./editable-kinds.ts"
import { nameChange } from "./name-change.ts"
import { readEntry } from "./read-versions.ts"
import {
  type ChainDocument,
  type FixedOfChain,
  type FixedOfToken,
  insertChain,
  insertReason,
  insertToken,
  type ReasonDocument,
  type TokenDocument,
} from "./write-document.ts"

export type NewEntry = {
  readonly initiator: Initiator
  readonly reason: string
  readonly isDryRun: boolean
}

type Created = Promise<ChangedEntry | RefusedEntry>

export function createReason(
  db: Kysely<Database>,
  reasonType: string,
  document: ReasonDocument,
  entry: NewEntry,
): Created {
  return create(db, "reason", reasonType, entry, {
    check: () => Promise.resolve([]),
    write: (trx) => insertReason(trx, reasonType, document),
  })
}

export function createToken(
  db: Kysely<Database>,
  fixed: FixedOfToken,
  token: { readonly document: TokenDocument; readonly strategy: TokenStrategy },
  entry: NewEntry,
): Created {
  const entryId = `${fixed.chainId}:${fixed.symbol}`
  return create(db, "token", entryId, entry, {
    async check(trx) {
      const problems = await editableKinds.token.check(trx, entryId, token.document)
      const ofStrategy = await checkStrategy(trx, token.strategy, fixed.decimals)
      const same = await trx
        .selectFrom("registry.tokens")
        .select("symbol")
        .where("chain_id", "=", fixed.chainId)
        .where("token_address", "=", fixed.address.toLowerCase())
        .executeTakeFirst()
      const taken = same === undefined ? [] : [takenAddress(fixed, same.symbol)]
      return [
        ...taken,
        ...problems,
        ...ofStrategy.map((problem) => ({ ...problem, field: `strategy.${problem.field}` })),
      ]
    },
    write: (trx) => insertToken(trx, fixed, token.document, token.strategy),
  })
}

export function createChain(
  db: Kysely<Database>,
  fixed: FixedOfChain,
  document: ChainDocument,
  entry: NewEntry,
): Created {
  const entryId = fixed.chainId.toString()
  return create(db, "chain", entryId, entry, {
    check: (trx) => editableKinds.chain.check(trx, entryId, document),
    write: (trx) => insertChain(trx, fixed, document),
  })
}

function create(
  db: Kysely<Database>,
  kind: EditableKind,
  entryId: string,
  entry: NewEntry,
  of: {
    check(trx: Kysely<Database>): Promise<FieldProblem[]>
    write(trx: Kysely<Database>): Promise<void>
  },
): Created {
  return inTransaction(db, entry.isDryRun, async (trx) => {
    await lockEntry(trx, kind, entryId)
    const known = await readEntry(trx, kind, entryId)
    if (known?.document)
      return refuse(
        null,
        "ENTRY_EXISTS",
        `there is a ${kind} "${entryId}"; change it, or choose another name`,
      )
    const found = await of.check(trx)
    const [first, ...others] = found.map((problem) => ({ ...problem, code: "INVALID_FIELD" as const }))
    if (first !== undefined) return { refused: [first, ...others] }
    await nameChange(trx, entry.initiator, { reason: entry.reason })
    await of.write(trx)
    return readChanged(trx, kind, entryId, null)
  })
}

function takenAddress({ chainId, address }: FixedOfToken, symbol: string): FieldProblem {
  return {
    field: "token_address",
    message: `is ${address}; allowed: another one, ${chainId}:${symbol} has it`,
  }
}
