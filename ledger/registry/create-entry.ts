import type { Kysely } from "kysely"
import type { TokenStrategy } from "../../platform/config/token-strategy.ts"
import type { Initiator } from "../domain/operator-action.ts"
import type { Database } from "../store/database.ts"
import { type ChangedEntry, inTransaction, type RefusedEntry, readChanged, refuse } from "./change-entry.ts"
import { checkStrategy, type EditableKind, editableKinds, type FieldProblem } from "./editable-kinds.ts"
import { nameChange } from "./name-change.ts"
import { readEntry } from "./read-versions.ts"
import {
  type ChainDocument,
  type FixedOfChain,
  type FixedOfToken,
  insertChain,
  insertToken,
  type ReasonDocument,
  type TokenDocument,
  writeReason,
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
    write: (trx) => writeReason(trx, reasonType, document),
  })
}

export function createToken(
  db: Kysely<Database>,
  fixed: Omit<FixedOfToken, "startBlock"> & { readonly headBlock: bigint },
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
    async write(trx) {
      const startBlock = await chooseStartBlock(trx, fixed)
      await insertToken(trx, { ...fixed, startBlock }, token.document, token.strategy)
    },
  })
}

/**
 * The indexer reads all tokens of a chain from the lowest of their first blocks on, and the chain is confirmed from its own first block on: where a token is the first one, the two have to be the same.
 * A later one adds nothing before the blocks that are indexed already.
 */
async function chooseStartBlock(
  trx: Kysely<Database>,
  { chainId, headBlock }: { readonly chainId: bigint; readonly headBlock: bigint },
): Promise<bigint> {
  const chain = await trx
    .selectFrom("registry.chains as c")
    .select("c.start_block")
    .where("c.chain_id", "=", chainId)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("registry.tokens as t").select("t.token_id").whereRef("t.chain_id", "=", "c.chain_id"),
        ),
      ),
    )
    .executeTakeFirst()
  return chain?.start_block ?? headBlock
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

function takenAddress(
  { chainId, address }: Pick<FixedOfToken, "chainId" | "address">,
  symbol: string,
): FieldProblem {
  return {
    field: "token_address",
    message: `is ${address}; allowed: another one, ${chainId}:${symbol} has it`,
  }
}
