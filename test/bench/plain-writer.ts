import { CompiledQuery, type Kysely } from "kysely"
import { accountKey, decideAdjustBalance } from "../../ledger/domain/adjust-balance.ts"
import { accountOpened, adjustmentEvents } from "../../ledger/domain/adjustment-events.ts"
import type { NewEvent } from "../../ledger/domain/events.ts"
import { append } from "../../ledger/store/append.ts"
import type { Database } from "../../ledger/store/database.ts"
import { type AccountRow, findAccounts } from "../../ledger/store/find-accounts.ts"
import { findOperations } from "../../ledger/store/find-operations.ts"
import { insertOperations } from "../../ledger/store/insert-operations.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"
import { readOperation, recordedOperation } from "../../ledger/store/read-operation.ts"
import { runStatements } from "../../ledger/store/statement.ts"
import type { LedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import type { TokenDirectory } from "../../ledger/writer/token-directory.ts"

/**
 * The baseline: the same events, guarantees and statements in the plainest correct way. One transaction a request, one statement after the other, and the
 * pool's connections queue for the head's lock.
 */
export function createPlainWriter(
  db: Kysely<Database>,
  ledgerId: string,
  tokens: TokenDirectory,
): LedgerWriter {
  return {
    execute: (command) =>
      withHead(db, ledgerId, async (ledger) => {
        if (command.kind !== "AdjustBalance") throw new TypeError(`the baseline has no ${command.kind}`)
        const at = new Date()
        const [stored] = await findOperations(ledger.trx, ledgerId, [command])
        if (stored !== undefined) {
          if (!stored.requestHash.equals(command.requestHash)) return { outcome: "conflict" }
          const operation = await readOperation(ledger.trx, ledgerId, stored)
          return { outcome: "recorded", isReplay: true, operation }
        }
        const wanted = new Map(
          command.adjustments.map(({ userId, tokenId }) => [
            accountKey(userId, tokenId),
            { userId, tokenId },
          ]),
        )
        const lookup = findAccounts(ledgerId, [...wanted.values()])
        const { rows } = await ledger.trx.executeQuery<AccountRow>(
          CompiledQuery.raw(lookup.text, [...lookup.values]),
        )
        const accounts = new Map<string, bigint>()
        for (const row of rows) {
          accounts.set(accountKey(row.user_id, row.token_id), row.account_id)
          ledger.balances.set(row.account_id, row)
        }
        const decided = decideAdjustBalance(command, (key) => {
          const accountId = accounts.get(key)
          return accountId === undefined ? undefined : ledger.balances.get(accountId)
        })
        if ("refused" in decided) return { outcome: "refused", refusal: decided }
        const events: NewEvent[] = []
        for (const [key, { userId, tokenId }] of wanted) {
          if (accounts.has(key)) continue
          const accountId = ledger.accountCount + BigInt(events.length) + 1n
          accounts.set(key, accountId)
          const { chainId, tokenAddress } = await tokens.token(tokenId)
          const address = await tokens.addressOf(tokenId, userId)
          const data = {
            user_id: userId,
            chain_id: Number(chainId),
            token_address: tokenAddress,
            address,
          }
          events.push(accountOpened(command, accountId, data, at))
        }
        const firstPosition = ledger.position + BigInt(events.length) + 1n
        events.push(...adjustmentEvents(command, decided.decisions, accounts, at))
        await append(ledger, events, at)
        const lastPosition = ledger.position
        const operation = { ...command, firstPosition, lastPosition, recordedAt: at }
        await runStatements(ledger.trx, [insertOperations(ledgerId, [operation])])
        return {
          outcome: "recorded",
          isReplay: false,
          operation: recordedOperation(command, decided.decisions, firstPosition, at),
        }
      }),
    queuedRequests: () => 0,
    stop: () => Promise.resolve(),
  }
}
