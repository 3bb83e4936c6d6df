import { index, onchainTable, primaryKey } from "ponder"

/** Every log of our contracts, whatever its kind, with decoded arguments: what confirmations read. */
export const log = onchainTable(
  "log",
  (t) => ({
    id: t.text().notNull(),
    kind: t.text().notNull(),
    chainId: t.int8({ mode: "number" }).notNull(),
    address: t.hex().notNull(),
    blockNumber: t.int8({ mode: "bigint" }).notNull(),
    blockHash: t.hex().notNull(),
    blockTime: t.int8({ mode: "bigint" }).notNull(),
    transactionHash: t.hex().notNull(),
    logIndex: t.integer().notNull(),
    args: t.json().notNull(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.blockHash, table.logIndex] }),
    byBlock: index().on(table.chainId, table.blockNumber, table.logIndex),
  }),
)

export const transferEvent = onchainTable(
  "transfer_event",
  (t) => ({
    chainId: t.int8({ mode: "number" }).notNull(),
    blockHash: t.hex().notNull(),
    logIndex: t.integer().notNull(),
    blockNumber: t.int8({ mode: "bigint" }).notNull(),
    blockTime: t.int8({ mode: "bigint" }).notNull(),
    transactionHash: t.hex().notNull(),
    token: t.hex().notNull(),
    from: t.hex().notNull(),
    to: t.hex().notNull(),
    amount: t.bigint().notNull(),
    kind: t.text().notNull(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.blockHash, table.logIndex] }),
    byFrom: index().on(table.chainId, table.token, table.from, table.blockNumber),
    byTo: index().on(table.chainId, table.token, table.to, table.blockNumber),
  }),
)

/** `token`: the contract that settled, which is a treasury where the token does not know batches. */
export const batchSettledEvent = onchainTable(
  "batch_settled_event",
  (t) => ({
    chainId: t.int8({ mode: "number" }).notNull(),
    blockHash: t.hex().notNull(),
    logIndex: t.integer().notNull(),
    blockNumber: t.int8({ mode: "bigint" }).notNull(),
    blockTime: t.int8({ mode: "bigint" }).notNull(),
    transactionHash: t.hex().notNull(),
    token: t.hex().notNull(),
    batchId: t.bigint().notNull(),
    contentHash: t.hex().notNull(),
    minted: t.bigint().notNull(),
    burned: t.bigint().notNull(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.blockHash, table.logIndex] }),
    byBatch: index().on(table.batchId),
  }),
)

export const debitSkippedEvent = onchainTable(
  "debit_skipped_event",
  (t) => ({
    chainId: t.int8({ mode: "number" }).notNull(),
    blockHash: t.hex().notNull(),
    logIndex: t.integer().notNull(),
    blockNumber: t.int8({ mode: "bigint" }).notNull(),
    blockTime: t.int8({ mode: "bigint" }).notNull(),
    transactionHash: t.hex().notNull(),
    token: t.hex().notNull(),
    batchId: t.bigint().notNull(),
    account: t.hex().notNull(),
    amount: t.bigint().notNull(),
    balance: t.bigint().notNull(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.blockHash, table.logIndex] }),
    byBatch: index().on(table.batchId),
  }),
)

export const batchCancelledEvent = onchainTable(
  "batch_cancelled_event",
  (t) => ({
    chainId: t.int8({ mode: "number" }).notNull(),
    blockHash: t.hex().notNull(),
    logIndex: t.integer().notNull(),
    blockNumber: t.int8({ mode: "bigint" }).notNull(),
    blockTime: t.int8({ mode: "bigint" }).notNull(),
    transactionHash: t.hex().notNull(),
    token: t.hex().notNull(),
    batchId: t.bigint().notNull(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.blockHash, table.logIndex] }),
    byBatch: index().on(table.batchId),
  }),
)

export const anchorEvent = onchainTable(
  "anchor_event",
  (t) => ({
    chainId: t.int8({ mode: "number" }).notNull(),
    blockHash: t.hex().notNull(),
    logIndex: t.integer().notNull(),
    blockNumber: t.int8({ mode: "bigint" }).notNull(),
    blockTime: t.int8({ mode: "bigint" }).notNull(),
    transactionHash: t.hex().notNull(),
    contract: t.hex().notNull(),
    /** 32 bytes: the ledger's uuid, left-padded. */
    ledgerId: t.hex().notNull(),
    treeSize: t.bigint().notNull(),
    root: t.hex().notNull(),
  }),
  (table) => ({
    pk: primaryKey({ columns: [table.chainId, table.blockHash, table.logIndex] }),
    byLedger: index().on(table.ledgerId, table.treeSize),
  }),
)

/**
 * The newest block of each chain whose logs are all in the tables above, written in the transaction that brings
 * its logs and taken back with them. Ponder's own checkpoint holds a number without a hash and is not lowered when
 * rows are reverted, so it cannot say this.
 */
export const head = onchainTable("head", (t) => ({
  chainId: t.int8({ mode: "number" }).primaryKey(),
  blockNumber: t.int8({ mode: "bigint" }).notNull(),
  blockHash: t.hex().notNull(),
  blockTime: t.int8({ mode: "bigint" }).notNull(),
  /** Whose logs are read: a reader can tell a token without logs from one that is not looked at. */
  tokens: t.json().$type<readonly string[]>().notNull(),
}))
