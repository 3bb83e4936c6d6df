/** Channels of LISTEN and NOTIFY besides that of appended events. They only save waiting: whoever listens also looks by himself. */

/** Something in schema `registry` changed; no payload. */
export const registryChangedChannel = "registry_changed"
/** What a lane or a signer wants to know without an event: a batch moved, a flush, a resume; the payload is the ledger id. */
export const laneChangedChannel = "lane_changed"
/** A reconciliation run was asked for; the payload is the ledger id. */
export const reconciliationRequestedChannel = "reconciliation_requested"
/** A build of a projection was begun, or is to go on after it had stopped; the payload is the projection's name. */
export const projectionsChangedChannel = "projections_changed"
/** An import was received; the payload is the ledger id. */
export const importReceivedChannel = "import_received"
/** An endpoint was made, changed or enabled, or a delivery was asked for; the payload is the ledger id. */
export const webhooksChangedChannel = "webhooks_changed"
