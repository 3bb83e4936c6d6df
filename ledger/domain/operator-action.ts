/** What somebody may have done that the audit log tells of. */
export type ActionName =
  | "settlement.flush_requested"
  | "settlement.paused"
  | "settlement.resumed"
  | "batch.cancel_requested"
  | "dead_letter.retried"
  | "dead_letter.discarded"
  | "reconciliation.requested"
  | "alarm.cleared"
  | "redaction.requested"
  | "import.received"
  | "import.abandoned"
  | "ledger.written"
  | "signer.retired"
  | "signer.reinstated"
  | "app.created"
  | "key.created"
  | "key.rotated"
  | "key.revoked"
  | "person.created"
  | "person.roles_changed"
  | "person.disabled"
  | "person.enabled"
  | "person.password_changed"
  | "person.password_reset"
  | "person.identity_linked"
  | "session.began"
  | "session.ended"
  | "session.all_ended"
  | "session.reuse_found"
  | "webhook.created"
  | "webhook.changed"
  | "webhook.deleted"
  | "webhook.secret_rotated"
  | "webhook.test_requested"
  | "webhook.replayed"
  | "webhook.redelivery_requested"

/** Who acts, and where the wish came from. */
export type Initiator = {
  /** `key:<uuid>`, `person:<uuid>` or `command:<user of the machine>` */
  readonly actor: string
  /** null for a command. */
  readonly requestId: string | null
  readonly address: string | null
}

/** One entry of the audit log. It holds no secrets and no personal data of users. */
export type OperatorAction = Initiator & {
  /** Whose matter it is; null where it concerns the installation. */
  readonly ledgerId: string | null
  readonly action: ActionName
  /** What was acted on, as the API names it. */
  readonly subject: string | null
  /** What it was and what it is; null where there is nothing to say. */
  readonly before?: Readonly<Record<string, unknown>> | null
  readonly after?: Readonly<Record<string, unknown>> | null
}
