import type { ColumnType, Generated } from "kysely"

/** Tables of keys, people, their sessions and what they did, part of {@link Database}. */
export type IdentityTables = {
  "registry.api_keys": {
    key_id: string
    app_id: string
    key_hash: Buffer
    key_prefix: string
    name: Generated<string>
    scopes: string[]
    allowed_from: Generated<string[] | null>
    is_of_installation: Generated<boolean>
    expires_at: Date | null
    revoked_at: Date | null
    last_used_at: Date | null
    replaced_by: Generated<string | null>
    created_by: Generated<string>
    ordinal: Generated<bigint>
    created_at: Generated<Date>
  }
  "registry.people": {
    person_id: string
    email: string
    name: Generated<string>
    password_hash: string | null
    password_changed_at: Date | null
    password_expires_at: Date | null
    linkable_until: Date | null
    disabled_at: Date | null
    ordinal: Generated<bigint>
    created_by: string
    created_at: Generated<Date>
  }
  "registry.person_roles": {
    person_id: string
    app_id: string | null
    role: "admin" | "operator" | "auditor" | "analyst"
    granted_at: Generated<Date>
  }
  "registry.person_identities": {
    issuer: string
    subject: string
    person_id: string
    linked_at: Generated<Date>
  }
  "registry.sessions": {
    session_id: string
    person_id: string
    began_at: Date
    expires_at: Date
    address: string | null
    ended_at: Date | null
    ended_by: SessionEnd | null
  }
  "registry.refresh_tokens": {
    token_hash: Buffer
    session_id: string
    issued_at: Date
    expires_at: Date
    spent_at: Date | null
  }
  "registry.sign_in_attempts": {
    subject_hash: Buffer
    failures: number
    last_at: Date
    /** `-infinity` where nothing is held up, which the driver reads as a number. */
    blocked_until: Date | number
  }
  "registry.audit_log": {
    entry_id: Generated<bigint>
    at: Generated<Date>
    ledger_id: string | null
    actor: string
    action: string
    subject: string | null
    before: ColumnType<unknown, string | null, never>
    after: ColumnType<unknown, string | null, never>
    request_id: string | null
    address: string | null
  }
}

export type SessionEnd = "sign_out" | "sign_out_everywhere" | "reuse" | "password" | "disabled"
