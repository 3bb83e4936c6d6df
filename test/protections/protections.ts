/** A step on a batch's way to the chain. */
export type SettlementStep =
  | "seal"
  | "reserve"
  | "simulate"
  | "save"
  | "broadcast"
  | "replace"
  | "confirm"
  | "fail"

/** One thing that keeps a change from being lost or settled twice, how it is taken away, and the test that notices. */
export type Protection = {
  readonly step: SettlementStep
  /** What holds because of it. */
  readonly invariant: string
  readonly file: string
  /** Stands in the file once. */
  readonly find: string
  readonly without: string
  readonly test: { readonly file: string; readonly name: string }
}

const batcherTest = (name: string) => `test/integration/batcher/${name}.test.ts`
const confirmationTest = (name: string) => `test/integration/confirmations/${name}.test.ts`

export const protections: readonly Protection[] = [
  {
    step: "seal",
    invariant: "a change that another batch has taken since the fold is not sealed",
    file: "batcher/store/seal-batch.ts",
    find: "return row.busy === 0n && row.waiting === BigInt(positions.length) && !row.is_paused",
    without: "return row.busy >= 0n",
    test: { file: batcherTest("seal"), name: "refuses a fold whose account or change was taken since" },
  },
  {
    step: "seal",
    invariant: "who has lost the lane's lease seals nothing",
    file: "batcher/store/seal-batch.ts",
    find: "    await requireLane(ledger.trx, lane, lease)\n",
    without: "",
    test: {
      file: batcherTest("seal"),
      name: "commits nothing for an owner whose lease was taken over, or ran out",
    },
  },
  {
    step: "seal",
    invariant: "an account is in one open batch at most, whatever the code believes",
    file: "ledger/migrations/003-settlement.ts",
    find: "CREATE UNIQUE INDEX batch_accounts_open",
    without: "CREATE INDEX batch_accounts_open",
    test: { file: batcherTest("settlement-guards"), name: "puts an account into a second open batch" },
  },
  {
    step: "seal",
    invariant: "each change is taken in once, whoever reads the log",
    file: "batcher/store/intake.ts",
    find: " FOR UPDATE`.execute(trx)\n    const after",
    without: "`.execute(trx)\n    const after",
    test: {
      file: batcherTest("seal"),
      name: "takes each change in once, whoever reads and in whatever pages",
    },
  },
  {
    step: "reserve",
    invariant: "who has lost the signer's lease reserves no nonce",
    file: "batcher/store/signers.ts",
    find: "    await requireSigner(trx, signer, lease)\n    const { rows } = await sql`",
    without: "    const { rows } = await sql`",
    test: { file: batcherTest("two-batchers"), name: "of which one sleeps through its lease" },
  },
  {
    step: "reserve",
    invariant: "a batch has one nonce at most that may still be mined, whatever the code believes",
    file: "ledger/migrations/003-settlement.ts",
    find: "CREATE UNIQUE INDEX nonces_batch",
    without: "CREATE INDEX nonces_batch",
    test: { file: batcherTest("settlement-guards"), name: "gives a batch a second nonce" },
  },
  {
    step: "reserve",
    invariant: "a nonce that was reserved is used by its batch after a crash",
    file: "batcher/chain/advance-call.ts",
    find: "  if (call.nonce === null) {\n",
    without: "  if (call.nonce === null || call.state === 'simulated') {\n",
    test: { file: batcherTest("killed"), name: "at reserved loses nothing and settles nothing twice" },
  },
  {
    step: "reserve",
    invariant: "no reserved nonce stays unused, for all later ones wait behind it",
    file: "batcher/chain/run-desk.ts",
    find: "    if (count !== null) await fillNonces(deskTurn, count)\n",
    without: "",
    test: {
      file: batcherTest("nonce-gaps"),
      name: "takes a transaction that does nothing, when its batch was settled before anything was signed",
    },
  },
  {
    step: "simulate",
    invariant: "what the token has settled already costs no nonce",
    file: "batcher/chain/simulate-call.ts",
    find: 'return { outcome: "already_done" }',
    without: 'return { outcome: "runs", estimatedGas: 100_000n }',
    test: {
      file: batcherTest("chain-trouble"),
      name: "the token has seen the batch already: no nonce is spent on it, and the logs confirm it",
    },
  },
  {
    step: "simulate",
    invariant: "one account that the token refuses does not keep the others",
    file: "batcher/chain/advance-call.ts",
    find: "if (await refuseBatch(turn, call)) return null",
    without: "",
    test: {
      file: batcherTest("dead-letters"),
      name: "settles the others without the account that the token refuses, which waits for a person",
    },
  },
  {
    step: "simulate",
    invariant: "a node's own trouble is no refusal by the token",
    file: "batcher/chain/simulate-call.ts",
    find: "if (!isRevert(refusal)) {",
    without: "if (refusal.code === 0) {",
    test: {
      file: batcherTest("hard-refusals"),
      name: "while accounts are looked for is not taken for the token",
    },
  },
  {
    step: "save",
    invariant: "nothing is sent that is not saved",
    file: "batcher/chain/advance-call.ts",
    find: '  await batcher.step("signed")\n',
    without: '  await turn.client.broadcast(raw, "public")\n  await batcher.step("signed")\n',
    test: { file: batcherTest("two-batchers"), name: "of which one sleeps through its lease" },
  },
  {
    step: "save",
    invariant: "who has lost the signer's lease saves nothing",
    file: "batcher/store/transactions.ts",
    find: "for one whose commit we lost sight of.\n    await requireSigner(trx, options.signer, options.lease)\n",
    without: "for one whose commit we lost sight of.\n",
    test: { file: batcherTest("two-batchers"), name: "of which one sleeps through its lease" },
  },
  {
    step: "save",
    invariant: "a nonce has one first transaction, whatever the code believes",
    file: "ledger/migrations/013-replacements.ts",
    find: "IF NEW.attempt <> last.attempt + 1 THEN",
    without: "IF false THEN",
    test: { file: batcherTest("replacement-guards"), name: "a second transaction that replaces none" },
  },
  {
    step: "save",
    invariant: "what is signed is what was sealed",
    file: "batcher/store/open-batches.ts",
    find: "if (hash !== row.content_hash || hash !== row.sealed_hash) {",
    without: "if (hash === row.batch_id) {",
    test: {
      file: batcherTest("altered-batch"),
      name: "signs nothing for a batch whose deltas were changed, and stops its lane",
    },
  },
  {
    step: "broadcast",
    invariant: "what may have arrived counts as sent",
    file: "batcher/chain/broadcast-answer.ts",
    find: '  if (meanings.has("unknown")) return { verdict: "out" }\n',
    without: "",
    test: {
      file: "batcher/chain/broadcast-answer.test.ts",
      name: "never holds back what may have arrived somewhere",
    },
  },
  {
    step: "broadcast",
    invariant: "bytes that were saved are sent by whoever comes after a crash",
    file: "batcher/chain/follow-call.ts",
    find: "  if (isRecovery || call.sentAt === null) return true\n",
    without: "  if (isRecovery || call.sentAt === null) return false\n",
    test: { file: batcherTest("killed"), name: "at saved loses nothing and settles nothing twice" },
  },
  {
    step: "broadcast",
    invariant: "bytes that a pool has dropped are sent again",
    file: "batcher/chain/follow-call.ts",
    find: "  return call.sentAt.getTime() + batcher.limits.rebroadcastMs <= nowMs\n",
    without: "  return false\n",
    test: {
      file: batcherTest("replacement"),
      name: "is sent again, the same bytes, when the pool has dropped it",
    },
  },
  {
    step: "replace",
    invariant: "a replacement makes the same call, whatever the code believes",
    file: "ledger/migrations/013-replacements.ts",
    find: "IF (NEW.target, NEW.calldata_hash, NEW.transaction_type) IS DISTINCT FROM (last.target, last.calldata_hash, last.transaction_type)\n        OR NEW.gas_limit < last.gas_limit THEN",
    without: "IF false THEN",
    test: { file: batcherTest("replacement-guards"), name: "a second transaction that replaces none" },
  },
  {
    step: "replace",
    invariant: "a replacement that was overtaken is thrown away",
    file: "batcher/store/transactions.ts",
    find: "if (row?.newest !== options.replaces || !row.is_replaceable) return false",
    without: "if (row === undefined) return false",
    test: {
      file: batcherTest("replacement-guards"),
      name: "a replacement that was signed for a nonce which has gone on since",
    },
  },
  {
    step: "replace",
    invariant: "any transaction of a nonce may be the one that is mined",
    file: "batcher/chain/follow-call.ts",
    find: "for (const hash of hashes) {",
    without: "for (const hash of hashes.slice(0, 1)) {",
    test: { file: batcherTest("replacement"), name: "the first one is mined: its receipt is found" },
  },
  {
    step: "replace",
    invariant: "who has lost the signer's lease replaces nothing",
    file: "batcher/store/transactions.ts",
    find: "    await requireSigner(trx, signer, options.lease)\n    // Confirmations, and those that are taken back",
    without: "    // Confirmations, and those that are taken back",
    test: { file: batcherTest("replacement-killed"), name: "saves nothing when it wakes up" },
  },
  {
    step: "confirm",
    invariant: "nothing is confirmed before it is as deep as configured",
    file: "ledger/confirmations/follow-chain.ts",
    find: "(await view.headNumber()) - BigInt(chain.confirmationBlocks)",
    without: "(await view.headNumber())",
    test: {
      file: confirmationTest("observe"),
      name: "is confirmed at the configured depth and not before, with what the chain moved",
    },
  },
  {
    step: "confirm",
    invariant: "what is confirmed stands on the chain that the endpoints have",
    file: "ledger/confirmations/follow-chain.ts",
    find: "to === null || before?.hash !== read.head.blockHash || after?.hash !== read.head.blockHash",
    without: "to === null || before === undefined || after === undefined",
    test: {
      file: confirmationTest("trouble"),
      name: "that name another hash than the indexer's keep confirmations waiting",
    },
  },
  {
    step: "confirm",
    invariant: "a log that the indexer lost holds confirmations back",
    file: "ledger/confirmations/follow-chain.ts",
    find: "keys.length !== seen.size || keys.some(",
    without: "keys.length < 0 && keys.some(",
    test: {
      file: confirmationTest("trouble"),
      name: "with a log missing holds confirmations back and raises an alarm, until the log is there",
    },
  },
  {
    step: "confirm",
    invariant: "a batch with other content than was sealed credits nobody",
    file: "ledger/domain/decide-confirmations.ts",
    find: "    batch.contentHash !== log.args.contentHash ||\n",
    without: "",
    test: {
      file: confirmationTest("trouble"),
      name: "nor does one of ours with other content than we sealed",
    },
  },
  {
    step: "confirm",
    invariant: "blocks are confirmed by one worker, once",
    file: "ledger/confirmations/confirm-blocks.ts",
    find: 'if (!(await lockCursor(trx, chainId, step.cursor))) return "moved"',
    without: "await lockCursor(trx, chainId, step.cursor)",
    test: {
      file: confirmationTest("trouble"),
      name: "is confirmed once by many workers at the same time",
    },
  },
  {
    step: "confirm",
    invariant: "a reorganisation takes confirmations back",
    file: "ledger/confirmations/follow-chain.ts",
    find: "  if (block?.hash !== cursor.blockHash) return goBack(db, view, chain, cursor, now)\n",
    without: "",
    test: {
      file: confirmationTest("reorg"),
      name: "takes every confirmation of the lost blocks back, says so, and confirms what the chain has then",
    },
  },
  {
    step: "confirm",
    invariant: "a second reorganisation above a rewound cursor is noticed",
    file: "ledger/confirmations/confirm-blocks.ts",
    find: "    await revokeOrphaned(ledgers, orphaned, now)\n",
    without: "",
    test: {
      file: confirmationTest("reorg"),
      name: "of which the second replaces what the first had left above the cursor, are both noticed",
    },
  },
  {
    step: "fail",
    invariant:
      "a batch that reverted gets another nonce only when no reorganisation is expected to undo that",
    file: "batcher/chain/follow-call.ts",
    find: "  if (receipt.blockNumber > finalBlock(turn)) return\n",
    without: "",
    test: {
      file: batcherTest("chain-trouble"),
      name: "a transaction reverts: after the confirmation depth, and not before, the same batch goes with a new nonce",
    },
  },
  {
    step: "fail",
    invariant: "a batch that had a nonce is never taken apart, whatever the code believes",
    file: "ledger/migrations/015-dead-letters.ts",
    find: "CREATE TRIGGER batches_keep_signed BEFORE UPDATE OF dissolved_position",
    without: "CREATE TRIGGER batches_keep_signed BEFORE UPDATE OF batch_id",
    test: {
      file: batcherTest("dead-letters"),
      name: "never takes a batch apart that was signed once, and gives none a nonce that was taken apart",
    },
  },
  {
    step: "fail",
    invariant: "a debit that the chain skipped waits until its first batch cannot take it any more",
    file: "batcher/store/held-back.ts",
    find: "export const deferralDepthFactor = 8",
    without: "export const deferralDepthFactor = -1000",
    test: {
      file: confirmationTest("reorg"),
      name: "has the chain take a deferred debit once, though its wallet could pay it again before",
    },
  },
]
