import { CompiledQuery, type Transaction } from "kysely"
import type { Database } from "./database.ts"

/**
 * SQL that is the same text every time, so that a connection can keep it prepared under its name. The sets that it works on come in as arrays.
 */
export type Statement = {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
}

/**
 * An array of numbers or truth values as PostgreSQL writes it. Given as an array the driver would look at each of a thousand for what has to be escaped.
 */
export function arrayOf<Item>(items: readonly Item[], figureOf: (item: Item) => bigint | boolean): string {
  return `{${items.map(figureOf).join()}}`
}

/** Runs statements one after the other in a transaction of Kysely's, which prepares nothing. */
export async function runStatements(
  trx: Transaction<Database>,
  statements: Iterable<Statement>,
): Promise<void> {
  for (const { text, values } of statements) await trx.executeQuery(CompiledQuery.raw(text, [...values]))
}
