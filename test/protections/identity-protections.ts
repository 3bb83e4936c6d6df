import type { Protection } from "./protection.ts"

const apiTest = (name: string) => `test/integration/api/${name}.test.ts`
const walk = { file: apiTest("permissions"), name: "every route does what the table of permissions says" }
const protect = (
  invariant: string,
  file: string,
  find: string,
  without: string,
  test: Protection["test"],
): Protection => ({ step: "identity", invariant, file, find, without, test })

/** What keeps out who may not come in, and what tells of those who did. */
export const identityProtections: readonly Protection[] = [
  protect(
    "a route is for those alone whom the table names",
    "api/middleware/authenticate.ts",
    "return account.permissions.has(permission) ? undefined : forbidden(account, permission)",
    "return account.permissions.size >= 0 ? undefined : forbidden(account, permission)",
    walk,
  ),
  protect(
    "a revoked key lets nobody in",
    "api/registry/api-keys.ts",
    '      .where("k.revoked_at", "is", null)\n',
    "",
    walk,
  ),
  protect(
    "a key lets nobody in after its end",
    "api/registry/api-keys.ts",
    "key.expiresAt.getTime() <= Date.now()",
    "key.expiresAt.getTime() <= 0",
    walk,
  ),
  protect(
    "a key is used from its addresses alone",
    "api/middleware/authenticate.ts",
    "if (allowedFrom !== null && ",
    "if (allowedFrom !== null && allowedFrom.ranges.length < 0 && ",
    walk,
  ),
  protect(
    "what concerns every app takes a key of the installation",
    "api/permissions.ts",
    "(entry.isForAll !== true || isOfInstallation)",
    "(entry.isForAll !== true || isOfInstallation !== undefined)",
    walk,
  ),
  protect(
    "what concerns every app takes a role in all of them",
    "api/permissions.ts",
    "(entry.isForAll !== true && inApp.has(role))",
    "inApp.has(role)",
    walk,
  ),
  protect(
    "a role in one app is none in another",
    "api/identity/people.ts",
    "const inApp = rolesOf(grants, (appId) => appId === app.app_id)",
    "const inApp = rolesOf(grants, () => true)",
    { file: apiTest("people"), name: "is one thing in one app and another in another" },
  ),
  protect(
    "a key is rotated and revoked by its own app alone",
    "api/identity/key-store.ts",
    "FROM registry.api_keys WHERE app_id = ",
    "FROM registry.api_keys WHERE NULL::uuid IS DISTINCT FROM ",
    { file: apiTest("api-keys"), name: "neither sees, rotates nor revokes a key" },
  ),
  protect(
    "a rotation lets no key live longer",
    "api/identity/key-store.ts",
    "expires_at = least(expires_at,",
    "expires_at = greatest(expires_at,",
    { file: apiTest("api-keys"), name: "is never made to live longer by its rotation" },
  ),
  protect(
    "an address that the caller wrote himself is not believed",
    "api/middleware/client-address.ts",
    "forwarded.slice(-hopsMax).reverse()",
    "forwarded.slice(-hopsMax)",
    { file: apiTest("api-keys"), name: "is refused from an address that its list does not name" },
  ),
  protect(
    "a session that has ended lets nobody in",
    "api/identity/people.ts",
    "AND s.ended_at IS NULL AND",
    "AND",
    { file: apiTest("sign-in"), name: "ends with a sign-out, and all of them with one everywhere" },
  ),
  protect(
    "a refresh token that comes again ends its session",
    "api/identity/sessions.ts",
    '      await endSessions(trx, { sessionId }, "reuse", initiator)\n',
    "      void initiator\n",
    { file: apiTest("sign-in"), name: "is exchanged once; used again it ends the session" },
  ),
  protect(
    "nobody's password is as much work as somebody's",
    "api/identity/passwords.ts",
    "const isRight = await inTurn(",
    "const isRight = stored !== null && await inTurn(",
    { file: apiTest("sign-in"), name: "is as much work for nobody as for somebody" },
  ),
  protect(
    "failures hold up the next attempt",
    "api/identity/sign-in-attempts.ts",
    "a SET failures = ",
    "a SET failures = 0 * ",
    { file: apiTest("sign-in"), name: "is held up more and more after failures" },
  ),
  protect(
    "who was sent to the identity provider by another one does not come back as him",
    "api/identity/oidc.ts",
    "expectedState: checks.state,",
    'expectedState: new URLSearchParams(search).get("state") ?? "",',
    { file: apiTest("oidc"), name: "ends nowhere without the cookie" },
  ),
  protect(
    "an e-mail address counts where the provider has verified it",
    "api/identity/oidc.ts",
    "isVerified === true",
    "isVerified !== undefined",
    { file: apiTest("oidc"), name: "is nobody without an invitation" },
  ),
  protect(
    "what an operator does is told of in its own transaction",
    "api/routes/pause-batches.ts",
    "await recordAction(trx, {",
    "await recordAction(services.db as never, {",
    { file: apiTest("audit-log"), name: "whatever a permission says is told of" },
  ),
  protect(
    "the audit log takes no change",
    "ledger/migrations/021-identity.ts",
    "BEFORE UPDATE OR DELETE OR TRUNCATE ON",
    "BEFORE UPDATE ON",
    { file: apiTest("audit-log"), name: "takes no change and no removal, not even by its owner" },
  ),
  protect(
    "somebody is left who can let others in",
    "api/identity/person-store.ts",
    "if (hadAdmin && !(await hasAdmin(trx))) throw new LastAdmin()",
    "void hadAdmin",
    { file: "test/integration/keys-command.test.ts", name: "would let nobody in: he cannot go" },
  ),
]
