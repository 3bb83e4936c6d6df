import type { Route } from "./route.ts"
import { abandonImportRoute } from "./routes/abandon-import.ts"
import { adjustAssets } from "./routes/adjust-assets.ts"
import { adjustBalance } from "./routes/adjust-balance.ts"
import { cancelBatch } from "./routes/cancel-batch.ts"
import { captureHold } from "./routes/capture-hold.ts"
import { changePassword } from "./routes/change-password.ts"
import { disablePersonRoute, enablePersonRoute, invitePersonRoute, setRoles } from "./routes/change-person.ts"
import { changeEntryRoutes, rollBackRoutes } from "./routes/change-registry.ts"
import { changeWebhookRoute } from "./routes/change-webhook.ts"
import { clearAlarm } from "./routes/clear-alarm.ts"
import { createApp } from "./routes/create-app.ts"
import { createChainRoute } from "./routes/create-chain.ts"
import { createImport } from "./routes/create-import.ts"
import { createKeyRoute } from "./routes/create-key.ts"
import { createPersonRoute } from "./routes/create-person.ts"
import { createReasonRoute } from "./routes/create-reason.ts"
import { createRedaction } from "./routes/create-redaction.ts"
import { createTokenRoute } from "./routes/create-token.ts"
import { createWebhookRoute } from "./routes/create-webhook.ts"
import { deductConsumption } from "./routes/deduct-consumption.ts"
import { deleteWebhookRoute } from "./routes/delete-webhook.ts"
import { discardDeadLetter } from "./routes/discard-dead-letter.ts"
import { distributeRewards } from "./routes/distribute-rewards.ts"
import { flushBatches } from "./routes/flush-batches.ts"
import { getAccount } from "./routes/get-account.ts"
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
import { getWebhook } from "./routes/get-webhook.ts"
import { getWebhookDelivery } from "./routes/get-webhook-delivery.ts"
import { getKeyRateLimit, setKeyRateLimitRoute } from "./routes/key-rate-limit.ts"
import { listActions } from "./routes/list-actions.ts"
import { listAlarms } from "./routes/list-alarms.ts"
import { listApps } from "./routes/list-apps.ts"
import { listBatches } from "./routes/list-batches.ts"
import { listChains } from "./routes/list-chains.ts"
import { listCheckpoints } from "./routes/list-checkpoints.ts"
import { listDeadLetters } from "./routes/list-dead-letters.ts"
import { listHolds } from "./routes/list-holds.ts"
import { listKeysRoute } from "./routes/list-keys.ts"
import { listPeople } from "./routes/list-people.ts"
import { listReasons } from "./routes/list-reasons.ts"
import { listRefusedLines } from "./routes/list-refused-lines.ts"
import { listTokens } from "./routes/list-tokens.ts"
import { listTransactions } from "./routes/list-transactions.ts"
import { listUserAssets } from "./routes/list-user-assets.ts"
import { listUserTransactions } from "./routes/list-user-transactions.ts"
import { listWebhookDeliveries } from "./routes/list-webhook-deliveries.ts"
import { listWebhooks } from "./routes/list-webhooks.ts"
import { beginOidcSignIn, finishOidcSignIn } from "./routes/oidc-sign-in.ts"
import { openWebSocket } from "./routes/open-web-socket.ts"
import { pauseBatches } from "./routes/pause-batches.ts"
import { placeHold } from "./routes/place-hold.ts"
import { getLivez, getReadyz } from "./routes/probes.ts"
import {
  diffVersionsRoutes,
  getEntryRoutes,
  listEntriesRoutes,
  listVersionsRoutes,
} from "./routes/read-registry.ts"
import { redeliverWebhook } from "./routes/redeliver-webhook.ts"
import { refreshSessionRoute } from "./routes/refresh-session.ts"
import { releaseHold } from "./routes/release-hold.ts"
import { replayWebhookRoute } from "./routes/replay-webhook.ts"
import { resumeBatches } from "./routes/resume-batches.ts"
import { retryDeadLetter } from "./routes/retry-dead-letter.ts"
import { reverseAdjustment } from "./routes/reverse-adjustment.ts"
import { revokeKeyRoute } from "./routes/revoke-key.ts"
import { rotateKeyRoute } from "./routes/rotate-key.ts"
import { rotateWebhookSecretRoute } from "./routes/rotate-webhook-secret.ts"
import { runReconciliation } from "./routes/run-reconciliation.ts"
import { signInRoute } from "./routes/sign-in.ts"
import { signOut, signOutEverywhere } from "./routes/sign-out.ts"
import { streamAuditEvents } from "./routes/stream-audit-events.ts"
import { streamLiveEvents } from "./routes/stream-live-events.ts"
import { testWebhook } from "./routes/test-webhook.ts"

/** Every route. A path without parameters stands before one that would match it as a parameter. */
export const routes: readonly Route[] = [
  adjustBalance,
  adjustAssets,
  distributeRewards,
  deductConsumption,
  getBalance,
  getBalanceHistory,
  listUserAssets,
  listUserTransactions,
  listTransactions,
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
  streamLiveEvents,
  openWebSocket,
  listWebhooks,
  createWebhookRoute,
  getWebhook,
  changeWebhookRoute,
  deleteWebhookRoute,
  rotateWebhookSecretRoute,
  testWebhook,
  replayWebhookRoute,
  listWebhookDeliveries,
  getWebhookDelivery,
  redeliverWebhook,
  listApps,
  createApp,
  listKeysRoute,
  createKeyRoute,
  rotateKeyRoute,
  revokeKeyRoute,
  ...listEntriesRoutes,
  createChainRoute,
  createTokenRoute,
  createReasonRoute,
  ...getEntryRoutes,
  ...changeEntryRoutes,
  ...listVersionsRoutes,
  ...diffVersionsRoutes,
  ...rollBackRoutes,
  getKeyRateLimit,
  setKeyRateLimitRoute,
  listActions,
  listPeople,
  createPersonRoute,
  setRoles,
  disablePersonRoute,
  enablePersonRoute,
  invitePersonRoute,
  signInRoute,
  refreshSessionRoute,
  beginOidcSignIn,
  finishOidcSignIn,
  signOut,
  signOutEverywhere,
  getAccount,
  changePassword,
  listAlarms,
  clearAlarm,
  getSystemHealth,
  getHealth,
  getLivez,
  getReadyz,
]
