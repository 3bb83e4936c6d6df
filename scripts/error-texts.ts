import type { ErrorCode } from "../api/errors.ts"

type ErrorText = { readonly when: string; readonly remedy: string }

/** When a code is met, and what to do about it, for docs/errors.md; status and order come from api/errors.ts. */
export const errorTexts: Readonly<Record<ErrorCode, ErrorText>> = {
  MALFORMED_JSON: {
    when: "The body does not parse, ended early, or names a field twice in one object",
    remedy: "Send one complete JSON object, every name once",
  },
  MALFORMED_CSV: {
    when: "An import begins without a header that names its columns, or is empty; of a line: the quotes are wrong, or the number of values",
    remedy: "Write CSV as [imports](imports.md) describes it",
  },
  MALFORMED_REQUEST: {
    when: "The request line or a header is not valid HTTP/1.1; the connection is closed. Of an import: the body broke off; nothing was started",
    remedy: "Correct the client; send the file again",
  },
  MALFORMED_TEXT: {
    when: "A NUL character, a lone surrogate, bytes that are not UTF-8, or a field's name with a quotation mark, a backslash or a control character ([why](decisions/names-in-json.md))",
    remedy: "Clean the text before sending it",
  },
  BODY_TOO_DEEP: {
    when: "Objects and arrays are nested more than 32 levels",
    remedy: "Flatten the metadata",
  },
  INVALID_PARAMETER: {
    when: "A path or query parameter, or a header, has a value outside its domain",
    remedy: "See `errors[].message`",
  },
  UNKNOWN_PARAMETER: {
    when: "The query names a parameter that the route does not have",
    remedy: "Leave it out",
  },
  INVALID_CURSOR: {
    when: "The cursor is malformed or belongs to another list",
    remedy: "Start again without a cursor",
  },
  IDEMPOTENCY_KEY_MISMATCH: {
    when: "`Idempotency-Key` and the body name different operations, or a sequence other than 0",
    remedy: "Name the operation in one place",
  },
  APP_REQUIRED: {
    when: "A person with a role in several apps does not say which is meant",
    remedy: "Name it by `X-App-Id`; `GET /admin/apps` lists them",
  },
  UNAUTHENTICATED: {
    when: "No API key and no access token, or one that is unknown, revoked or expired",
    remedy: "Send a valid key; get a new token by `POST /auth/refresh`, or sign in again",
  },
  INVALID_CREDENTIALS: {
    when: "E-mail address and password do not belong together, or the person is disabled; which of it, nobody is told",
    remedy: "Try again; an admin can give a new password",
  },
  SIGN_IN_FAILED: {
    when: "The identity provider vouches for nobody, or the browser did not begin here, or too long ago",
    remedy: "Begin again at `GET /auth/oidc/start`",
  },
  FORBIDDEN: {
    when: "The key lacks the scope that the route asks for, or may not be used from this address; the person lacks the role, or has none in the app: see [permissions](permissions.md)",
    remedy: "Use a key that has it, or ask an admin for the role",
  },
  PASSWORD_CHANGE_REQUIRED: {
    when: "Somebody else has seen the password: it is good for its own exchange only",
    remedy: "Send `new_password`, too",
  },
  NOT_FOUND: {
    when: "There is no such address",
    remedy: "See `/openapi.json`",
  },
  UNKNOWN_USER: {
    when: "The app has never adjusted a balance of this user",
    remedy: "Adjust first, or correct the id",
  },
  UNKNOWN_BATCH: {
    when: "The app has no batch with this id",
    remedy: "Use an id of `GET /batches`",
  },
  UNKNOWN_OPERATION: {
    when: "Nothing is recorded under this operation id and sequence",
    remedy: "If the write failed, send it again",
  },
  UNKNOWN_TRANSACTION: {
    when: "The app has no transaction with this id",
    remedy: "Use a `tx_id` of an answer, unchanged",
  },
  UNKNOWN_HOLD: {
    when: "The app has no hold with this id",
    remedy: "Use a `hold_id` of an answer, unchanged",
  },
  UNKNOWN_REDACTION: {
    when: "The app has no erasure with this id",
    remedy: "Use a `redaction_id` of `POST /admin/redactions`",
  },
  UNKNOWN_POSITION: {
    when: "The app's log has no event at this position",
    remedy: "Use a position up to that of `GET /audit/head`",
  },
  UNKNOWN_CHECKPOINT: {
    when: "There is no checkpoint of this size, or none that covers the event yet",
    remedy: "Use a `tree_size` of `GET /audit/checkpoints`, or ask again later",
  },
  UNKNOWN_RECONCILIATION_RUN: {
    when: "The app has no reconciliation run with this id",
    remedy: "Use a `run_id` of `POST /reconciliation/run`",
  },
  UNKNOWN_IMPORT: {
    when: "The app has no import with this id",
    remedy: "Use an `import_id` of `POST /imports`",
  },
  UNKNOWN_ALARM: {
    when: "There is no alarm with this id that concerns the app",
    remedy: "Use an `alarm_id` of `GET /alarms`",
  },
  UNKNOWN_DEAD_LETTER: {
    when: "The app has no dead letter with this id",
    remedy: "Use a `dead_letter_id` of `GET /dead-letters`",
  },
  UNKNOWN_KEY: {
    when: "The app has no API key with this id",
    remedy: "Use a `key_id` of `GET /admin/keys`",
  },
  UNKNOWN_PERSON: {
    when: "Nobody has this id",
    remedy: "Use a `person_id` of `GET /admin/people`",
  },
  UNKNOWN_WEBHOOK: {
    when: "No webhook of the app has this id",
    remedy: "Use a `webhook_id` of `GET /webhooks`",
  },
  UNKNOWN_DELIVERY: {
    when: "The webhook has no such delivery, or it is older than the log is kept",
    remedy: "Use a `delivery_id` of `GET /webhooks/{webhook_id}/deliveries`",
  },
  UNKNOWN_ENTRY: {
    when: "The registry has no such chain, token, strategy or reason",
    remedy:
      "Use one that `GET /admin/chains`, `/admin/tokens`, `/admin/strategies` or `/admin/reasons` lists",
  },
  UNKNOWN_VERSION: {
    when: "The entry never had that version",
    remedy: "Use one that `GET …/versions` lists",
  },
  METHOD_NOT_ALLOWED: {
    when: "The address exists and does not support the method",
    remedy: "Use one of the header `Allow`",
  },
  REQUEST_TIMEOUT: {
    when: "The headers took longer than 15 seconds to arrive, a JSON body longer than 20, or of an import nothing came for 30; nothing was recorded",
    remedy: "Send it again",
  },
  APP_EXISTS: {
    when: "Another app has this name",
    remedy: "Choose another name",
  },
  ENTRY_EXISTS: {
    when: "The registry has an entry of this name",
    remedy: "Change the entry that there is, or choose another name",
  },
  VERSION_CONFLICT: {
    when: "Somebody changed the entry since it was read; the message says who, and when",
    remedy: "Read it again, and decide again",
  },
  KEY_ENDED: {
    when: "The key was revoked, has expired or was rotated before; the message says which",
    remedy: "Issue a new one",
  },
  PERSON_EXISTS: {
    when: "Somebody has this e-mail address",
    remedy: "Change what that person may do, by `POST /admin/people/{person_id}/roles`",
  },
  LAST_ADMIN: {
    when: "Nobody would be left who is admin for all apps",
    remedy: "Make somebody else admin first",
  },
  IDEMPOTENCY_CONFLICT: {
    when: "The operation id and sequence are recorded with another request: another route, another address or another body",
    remedy: "Use a new id or sequence for a new operation",
  },
  ANSWER_SHOWN_ONCE: {
    when: "The same request was done before under this key, and its answer had a secret in it, which is not kept; the message says what was made",
    remedy: "Use the secret of the first answer; if it was lost, have a new one made as the message says",
  },
  HOLD_ENDED: {
    when: "The hold was captured or released, or its time is over; the message says which, and when",
    remedy: "Place a new hold",
  },
  IMPORT_NOT_FAILED: {
    when: "The import waits, is worked on or is finished; the message says which",
    remedy: "Only an import that has failed can be given up",
  },
  ALREADY_REVERSED: {
    when: "The adjustment was reversed before, by the transaction that the message names",
    remedy: "Nothing is left to do",
  },
  BATCH_NOT_CANCELLABLE: {
    when: "The batch is on the chain, or was taken apart; the message says which",
    remedy: "Nothing is left to do",
  },
  CANCELLATION_UNSUPPORTED: {
    when: "The token of the batch knows no batch ids",
    remedy: "See how the token is settled in `GET /tokens`",
  },
  ALARM_HAS_CAUSE: {
    when: "The alarm tells of a state that lasts, and goes when that ends",
    remedy: "Remove the cause; the message names it",
  },
  DEAD_LETTER_CLOSED: {
    when: "The dead letter was retried or discarded before; the message says which, and when",
    remedy: "Nothing is left to do",
  },
  NOTHING_TO_DISCARD: {
    when: "The changes of the dead letter are on their way again: a reorganisation put them back into their batch",
    remedy: "Retry it, which closes it",
  },
  WEBHOOK_DISABLED: {
    when: "Nothing is delivered to a disabled webhook",
    remedy: "Enable it with `PATCH /webhooks/{webhook_id}` first",
  },
  TOO_MANY_WEBHOOKS: {
    when: "The app has as many webhooks as it may",
    remedy: "Delete one that is not needed",
  },
  PAYLOAD_TOO_LARGE: {
    when: "The body is larger than 8 MiB, an import than `imports.body_bytes_max` of the configuration, or a line of it than `line_bytes_max`",
    remedy: "Split the request",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    when: "The body is not `application/json` in UTF-8 (of an import `text/csv` or `application/x-ndjson`), or is compressed",
    remedy: "Send it plain, with its content type",
  },
  INVALID_FIELD: {
    when: "A field is missing or has a value outside its domain",
    remedy: "See `errors[].message`",
  },
  UNKNOWN_FIELD: {
    when: "The body names a field that the route does not have",
    remedy: "Leave it out",
  },
  INVALID_AMOUNT: {
    when: "Not a decimal string, no sign where one is needed, zero, or more decimals than the token has",
    remedy: 'Write it as `"+12.5"`; nothing is ever rounded',
  },
  UNKNOWN_TOKEN: {
    when: "No token has this symbol, or none on this chain",
    remedy: "Use one of `GET /tokens`",
  },
  AMBIGUOUS_TOKEN: {
    when: "The symbol exists on several chains and none is the default",
    remedy: "Name the `chain_id`",
  },
  UNKNOWN_REASON: {
    when: "The reason is not registered",
    remedy: "Use one of `GET /reasons`",
  },
  TOKEN_RETIRED: {
    when: "The token takes no changes any more",
    remedy: "Use another one; `GET /tokens` lists those that do",
  },
  REASON_RETIRED: {
    when: "The reason is not given any more",
    remedy: "Use another one of `GET /reasons`",
  },
  FIELD_IS_FIXED: {
    when: "What has been recorded rests on this field: an id, an address, decimals",
    remedy: "Register a new entry",
  },
  TOKEN_UNFIT: {
    when: "The chain says otherwise of the token: no contract, other decimals, no role for our signer, not the calls that its mode needs",
    remedy: "Correct what the message names",
  },
  CHAIN_UNFIT: {
    when: "The chain cannot be reached as it is configured, or its contracts are not ours",
    remedy: "Correct what the message names",
  },
  WEBHOOK_TARGET_REFUSED: {
    when: "The address of a webhook is not https, or leads to a network that is not public",
    remedy: "Use a public https address; the operator may allow others: see [webhooks](webhooks.md)",
  },
  METADATA_NOT_ALLOWED: {
    when: "The reason does not take this metadata key",
    remedy: "Use the keys that `GET /reasons` lists",
  },
  INSUFFICIENT_BALANCE: {
    when: "A debit is larger than what can be spent; nothing of the operation was recorded",
    remedy: "Debit at most the available amount, which the message says",
  },
  DEBIT_NOT_SUPPORTED: {
    when: "A debit, a hold or the reversal of a credit, in a token whose credits are paid out of a treasury: nothing could take it from the user's address yet",
    remedy: "Credit only; users move such tokens themselves",
  },
  CAPTURE_TOO_LARGE: {
    when: "More is captured than the hold keeps",
    remedy: "Capture at most the held amount, which the message says",
  },
  NOT_REVERSIBLE: {
    when: "The transaction is a deposit, a withdrawal or itself a reversal",
    remedy: "Record a new adjustment instead",
  },
  BALANCE_OUT_OF_RANGE: {
    when: "The balance would pass 2^255 base units",
    remedy: "Send less",
  },
  UNKNOWN_APP: {
    when: "A role is granted in an app that there is not",
    remedy: "Use an `app_id` of `GET /admin/apps`",
  },
  RATE_LIMITED: {
    when: "The key or the person has used up their requests, and nothing was recorded ([limits](limits.md)); or too many attempts to sign in have failed, at this account or from this address",
    remedy: "Send the same request again after `Retry-After` seconds",
  },
  UPGRADE_REQUIRED: {
    when: "The address speaks WebSocket, and was asked by plain HTTP",
    remedy: "Connect with a WebSocket client, or read `GET /stream`",
  },
  HEADERS_TOO_LARGE: {
    when: "Address and headers are larger than 16 KiB; the connection is closed",
    remedy: "Send fewer or shorter headers",
  },
  INTERNAL: {
    when: "A defect of ours",
    remedy: "Report the `request_id`; a write may be sent again with the same operation id",
  },
  CHAIN_UNAVAILABLE: {
    when: "No endpoint of the chain answers, or the next page of `/transactions` needs the index of a chain that is being exchanged",
    remedy: "Ask again later, or without `realtime`",
  },
  LEDGER_UNAVAILABLE: {
    when: "The database does not answer; whether a write was recorded is not known",
    remedy: "Send the same request again with the same operation id",
  },
  PROVIDER_UNAVAILABLE: {
    when: "The identity provider cannot be reached, or is too slow",
    remedy: "Try again, or sign in with a password",
  },
  SIGN_IN_UNAVAILABLE: {
    when: "The API has no secret to sign tokens with, or knows no identity provider",
    remedy: "Set `AUTH_TOKEN_SECRET`, and `OIDC_ISSUER` with the others: see [identity](identity.md)",
  },
  WEBHOOKS_UNAVAILABLE: {
    when: "The API has no key to keep the secrets of webhooks under",
    remedy: "Set `WEBHOOK_SECRET_KEY`: see [webhooks](webhooks.md)",
  },
  NOT_READY: {
    when: "The process is starting or stopping",
    remedy: "Ask again, or another one",
  },
  STORAGE_FULL: {
    when: "The disk of the database is full; this attempt recorded nothing",
    remedy:
      "Free or add disk space: writes then go on by themselves within seconds. Send the same request again after `Retry-After` seconds",
  },
  OVERLOADED: {
    when: "Too many writes wait, or a hundred imports of the app are not finished; nothing was recorded",
    remedy: "Send the same request again after `Retry-After` seconds",
  },
  TIMEOUT: {
    when: "The request took longer than 30 seconds; whether a write was recorded is not known",
    remedy: "Send the same request again with the same operation id",
  },
}
