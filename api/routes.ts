import type { Route } from "./route.ts"
import { abandonImportRoute } from "./routes/abandon-import.ts"
import { adjustBalance } from "./routes/adjust-balance.ts"
import { cancelBatch } from "./routes/cancel-batch.ts"
import { captureHold } from "./routes/capture-hold.ts"
import { createImport } from "./routes/create-import.ts"
import { createRedaction } from "./routes/create-redaction.ts"
import { discardDeadLetter } from "./routes/discard-dead-letter.ts"
import { flushBatches } from "./routes/flush-batches.ts"
import { getAuditHead } from "./routes/get-audit-head.ts"
import { getAuditProof } from "./routes/get-audit-proof.ts"
import { getBalance } from "./routes/get-balance.ts"
import { getBalanceHistory } from "./routes/get-balance-history.ts"
import { getBatch } from "./routes/get-batch.ts"
import { getConsistencyProof } from "./routes/get-consistency-proof.ts"
import { getGasSavings } from "./routes/get-gas-savings.ts"
import { getHealth, getSystemHealth } from "./routes/get-health.ts"
import { getHold } from "./routes/get-hold.ts"
import { getImport } from "./routes/get-import.ts"
import { getOperation } from "./routes/get-operation.ts"
import { getReconciliation } from "./routes/get-reconciliation.ts"
import { getRedaction } from "./routes/get-redaction.ts"
import { getTransaction } from "./routes/get-transaction.ts"
import { getWallet } from "./routes/get-wallet.ts"
import { listBatches } from "./routes/list-batches.ts"
import { listChains } from "./routes/list-chains.ts"
import { listCheckpoints } from "./routes/list-checkpoints.ts"
import { listDeadLetters } from "./routes/list-dead-letters.ts"
import { listHolds } from "./routes/list-holds.ts"
import { listReasons } from "./routes/list-reasons.ts"
import { listRefusedLines } from "./routes/list-refused-lines.ts"
import { listTokens } from "./routes/list-tokens.ts"
import { listUserAssets } from "./routes/list-user-assets.ts"
import { listUserTransactions } from "./routes/list-user-transactions.ts"
import { pauseBatches } from "./routes/pause-batches.ts"
import { placeHold } from "./routes/place-hold.ts"
import { getLivez, getReadyz } from "./routes/probes.ts"
import { releaseHold } from "./routes/release-hold.ts"
import { resumeBatches } from "./routes/resume-batches.ts"
import { retryDeadLetter } from "./routes/retry-dead-letter.ts"
import { reverseAdjustment } from "./routes/reverse-adjustment.ts"
import { runReconciliation } from "./routes/run-reconciliation.ts"
import { streamAuditEvents } from "./routes/stream-audit-events.ts"

/** Every route. A path without parameters stands before one that would match it as a parameter. */
export const routes: readonly Route[] = [
  adjustBalance,
  getBalance,
  getBalanceHistory,
  listUserAssets,
  listUserTransactions,
  // Before the hold's own address: a user may be called "holds".
  listHolds,
  placeHold,
  getHold,
  captureHold,
  releaseHold,
  reverseAdjustment,
  createRedaction,
  getRedaction,
  getOperation,
  getTransaction,
  getWallet,
  createImport,
  getImport,
  listRefusedLines,
  abandonImportRoute,
  flushBatches,
  pauseBatches,
  cancelBatch,
  resumeBatches,
  listBatches,
  getBatch,
  listDeadLetters,
  retryDeadLetter,
  discardDeadLetter,
  getGasSavings,
  listChains,
  listTokens,
  listReasons,
  getReconciliation,
  runReconciliation,
  getAuditHead,
  getAuditProof,
  listCheckpoints,
  getConsistencyProof,
  streamAuditEvents,
  getSystemHealth,
  getHealth,
  getLivez,
  getReadyz,
]
