import { type RawBuilder, sql } from "kysely"
import type { LaneKey } from "./leases.ts"

/**
 * How deep the block of a skipped debit has to lie before another batch may take the debit up, in confirmation depths below the confirmed tip. Until then a reorganisation could
 * have the first batch take it after all, and the chain would have it twice. The confirmation depth itself is what a reorganisation is not expected to pass; here the price of one that does is money and
 * not a delay, and waiting costs little: a debit is skipped only when its owner has moved his tokens away. A chain without a confirmation depth counts as one of 1.
 */
export const deferralDepthFactor = 8

/**
 * Accounts of a lane of which nothing may be sealed, for what comes later waits behind what is held back: a deferred change that is not that deep yet, or one in the dead letters.
 */
export function accountsHeldBack({ ledgerId, tokenId }: LaneKey): RawBuilder<unknown> {
  return sql`
    SELECT l.account_id FROM settlement.dead_letters l
    WHERE l.ledger_id = ${ledgerId} AND l.token_id = ${tokenId} AND l.closed_at IS NULL
    UNION ALL
    SELECT d.account_id FROM settlement.batch_items d
    WHERE d.ledger_id = ${ledgerId} AND d.token_id = ${tokenId} AND d.state = 'waiting' AND d.deferred_block IS NOT NULL
      AND d.deferred_block > coalesce((
        SELECT cursor.block_number - ${deferralDepthFactor}::bigint * greatest(chain.confirmation_blocks, 1)
        FROM registry.tokens token
        JOIN registry.chains chain ON chain.chain_id = token.chain_id
        JOIN ledger.chain_cursors cursor ON cursor.chain_id = token.chain_id
        WHERE token.token_id = ${tokenId}), -1)`
}
