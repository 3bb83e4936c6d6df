/**
 * Whether a token's header has no escape in it, as none of ours has. jose parses a header before it knows whose it is, and a name in it could make V8 take other callers' names for that one
 * (see `findUnstorableName`).
 * @param token a JWS or a JWE in its compact form, or what claims to be
 */
export function hasPlainHeader(token: string): boolean {
  const [header = ""] = token.split(".", 1)
  return !Buffer.from(header, "base64url").includes("\\")
}
