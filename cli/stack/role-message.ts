/** What a role tells `start` over the IPC channel, once, when it does its work. */
export type RoleReady = {
  readonly kind: "ready"
  readonly details: Readonly<Record<string, string | number>>
}

export function isRoleReady(message: unknown): message is RoleReady {
  return typeof message === "object" && message !== null && "kind" in message && message.kind === "ready"
}
