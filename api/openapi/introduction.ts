/** What holds for all routes, in Markdown. */
export const introduction = `A ledger that settles itself on EVM chains. A backend posts signed changes of balances and is answered at once; each is an event of an append-only log, and
batches bring the changes to the chain.

## Authentication

Send a key (\`X-API-Key: …\`, or \`Authorization: Bearer …\`), or a person's access token (\`Authorization: Bearer …\`). Each route names the scopes and roles that it wants.

## Sending a write again

A write is bound to a key of the caller's choice: \`operation_id\` and \`sequence\` in the body, or the header \`Idempotency-Key\`, which means sequence 0. Whatever went wrong on the way, send
the very same request again. Where it was recorded, the first answer comes once more, with \`Idempotent-Replayed: true\`; where it was not, it is done now. Another body under the same key is refused with
\`IDEMPOTENCY_CONFLICT\`. Keys are never forgotten. Those of the ledger's writes and those of administration (webhooks, keys, people, the registry, switches) are apart. A secret is shown once: where an answer with one
was lost, the request sent again is refused with \`ANSWER_SHOWN_ONCE\`, which says how to have a new one made.

## Amounts

Decimal strings in token units, exact: \`"+12.5"\`. A change has its sign; where a route names the direction, there is none.

## Answers

Every answer is in one envelope: \`code\`, \`message\`, \`data\` and \`request_id\`. A refusal has \`errors\` instead of \`data\`, each with the field, a code that stays as it is, and what to do about it. Lists
come in pages: pass \`pagination.next_cursor\` as \`cursor\` (\`GET /transactions/{user_id}\` has \`page_key\` for it, \`GET /audit/events\` \`after\`). A change is \`pending\` when it is recorded, and \`confirmed\` when the indexer has seen it on the chain, deep enough.

Where GET is answered, HEAD is: with the same headers. Leave fields alone that you do not know: new ones may come. No text that is sent may hold a NUL character or a lone surrogate, and no name of
a field a quotation mark, a backslash or a control character below U+0020.
`

export const tags = [
  { name: "Ledger", description: "Changes of balances, holds, reversals, imports, and what became of them" },
  { name: "Wallets", description: "Where a user's tokens are on the chain" },
  { name: "Live updates", description: "Events as they happen: a stream, a socket, webhooks" },
  {
    name: "Settlement",
    description: "Batches on their way to the chain, what could not be settled, and what it cost",
  },
  {
    name: "Reconciliation and audit",
    description: "The difference of ledger and chain; the log, its checkpoints and proofs",
  },
  { name: "Registry", description: "Chains, tokens, batch strategies and reasons" },
  { name: "Administration", description: "Apps, keys, people and what they may do; erasures; who did what" },
  { name: "Sign-in", description: "Access tokens for people" },
  { name: "System", description: "How the system is" },
] as const
