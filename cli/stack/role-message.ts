/** What a role tells `start` over the IPC channel, once, when it does its work. */
export type RoleReady = {
  readonly kind: "ready"
  readonly details: Readonly<Record<string, string | number>>
}

/** Instead of its end: it is all right, and has to be started again. */
export type RoleRestarting = { readonly kind: "restarting"; readonly why: string }

export function isRoleReady(message: unknown): message is RoleReady {
  return isOfKind(message, "ready")
}

export function isRoleRestarting(message: unknown): message is RoleRestarting {
  return isOfKind(message, "restarting")
}

function isOfKind(message: unknown, kind: string): boolean {
  return typeof message === "object" && message !== null && "kind" in message && message.kind === kind
}
