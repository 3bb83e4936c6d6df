import { type Scope, scopes } from "./scopes.ts"

/** What a person may be; granted for one app or for all of them. A service is an API key, which has scopes instead. */
export const roles = ["admin", "operator", "auditor", "analyst"] as const
export type Role = (typeof roles)[number]

type Entry = {
  /** What somebody who has it may do. */
  readonly does: string
  /**
   * Whom the routes speak to. `anybody` need not say who calls · `anybody or caller` shows more to who does · `caller` acts in one app · `account` is known, whichever its apps are.
   */
  readonly to: "anybody" | "anybody or caller" | "caller" | "account"
  /** A key needs one of them. */
  readonly scopes: readonly Scope[]
  /** A person needs one of them: in the app; anywhere, where it concerns none. */
  readonly roles: readonly Role[]
  /** Concerns every app: a key has to be one of the installation, and a role to be granted for all apps. */
  readonly isForAll?: true
  /** Everybody who has signed in may. */
  readonly isOwn?: true
  /** Whoever uses it leaves an entry in the audit log, in the transaction of what he does. */
  readonly isRecorded?: true
}

const everybody = roles

const table = {
  public: { does: "ask whether the process works, and sign in", to: "anybody", scopes: [], roles: [] },
  "health.read": {
    does: "see the state of every component; with a key or a role also the figures of the app",
    to: "anybody or caller",
    scopes,
    roles: everybody,
  },
  "ledger.read": {
    does: "read balances, holds, histories and operations",
    to: "caller",
    scopes: ["ledger:read"],
    roles: everybody,
  },
  "ledger.write": {
    does: "change balances",
    to: "caller",
    scopes: ["ledger:write"],
    roles: ["admin"],
  },
  "imports.read": {
    does: "follow an import",
    to: "caller",
    scopes: ["ledger:read"],
    roles: everybody,
  },
  "imports.create": {
    does: "record a file of changes",
    to: "caller",
    scopes: ["ledger:write"],
    roles: ["admin"],
  },
  "imports.abandon": {
    does: "give up an import that has failed",
    to: "caller",
    scopes: ["ledger:write"],
    roles: ["admin", "operator"],
    isRecorded: true,
  },
  "registry.read": {
    does: "list chains, tokens and reasons",
    to: "caller",
    scopes: ["ledger:read"],
    roles: everybody,
  },
  "registry.inspect": {
    does: "read chains, tokens, strategies, reasons and limits with all their versions",
    to: "account",
    scopes: ["admin"],
    roles: ["admin", "operator", "auditor"],
    isForAll: true,
  },
  "registry.manage": {
    does: "register and change chains, tokens, strategies, reasons and limits, and roll them back",
    to: "account",
    scopes: ["admin"],
    roles: ["admin"],
    isForAll: true,
    isRecorded: true,
  },
  "wallets.read": {
    does: "see a user's addresses",
    to: "caller",
    scopes: ["ledger:read", "wallet:write"],
    roles: everybody,
  },
  "settlement.read": {
    does: "read batches and what they cost",
    to: "caller",
    scopes: ["ledger:read"],
    roles: everybody,
  },
  "settlement.operate": {
    does: "settle at once, pause, resume, cancel a batch",
    to: "caller",
    scopes: ["admin"],
    roles: ["admin", "operator"],
    isRecorded: true,
  },
  "dead_letters.read": {
    does: "read what the chain refuses",
    to: "caller",
    scopes: ["ledger:read"],
    roles: everybody,
  },
  "dead_letters.close": {
    does: "retry or discard what the chain refuses",
    to: "caller",
    scopes: ["admin"],
    roles: ["admin", "operator"],
    isRecorded: true,
  },
  "alarms.read": {
    does: "list alarms",
    to: "caller",
    scopes: ["ledger:read", "audit:read"],
    roles: everybody,
  },
  "alarms.clear": {
    does: "clear an alarm that stays until somebody has looked",
    to: "caller",
    scopes: ["admin"],
    roles: ["admin", "operator"],
    isRecorded: true,
  },
  "reconciliation.read": {
    does: "read comparisons of ledger, indexer and chain",
    to: "caller",
    scopes: ["ledger:read", "audit:read"],
    roles: everybody,
  },
  "reconciliation.run": {
    does: "have ledger, indexer and chain compared now",
    to: "caller",
    scopes: ["admin"],
    roles: ["admin", "operator"],
    isRecorded: true,
  },
  "webhooks.read": {
    does: "read webhooks and what became of their deliveries",
    to: "caller",
    scopes: ["ledger:read", "webhooks:write"],
    roles: everybody,
  },
  "webhooks.manage": {
    does: "make, change, test and delete webhooks, rotate their secrets, have events delivered again",
    to: "caller",
    scopes: ["webhooks:write"],
    roles: ["admin", "operator"],
    isRecorded: true,
  },
  "audit.read": {
    does: "read the event log with its proofs and checkpoints",
    to: "caller",
    scopes: ["audit:read"],
    roles: ["admin", "auditor"],
  },
  "redactions.read": {
    does: "follow an erasure",
    to: "caller",
    scopes: ["admin", "audit:read"],
    roles: ["admin", "auditor"],
  },
  "redactions.create": {
    does: "erase what was said of a user, for ever",
    to: "caller",
    scopes: ["admin"],
    roles: ["admin"],
    isRecorded: true,
  },
  "apps.read": {
    does: "list the apps that one may see",
    to: "account",
    scopes,
    roles: everybody,
  },
  "apps.create": {
    does: "make an app",
    to: "account",
    scopes: ["admin"],
    roles: ["admin"],
    isForAll: true,
    isRecorded: true,
  },
  "keys.read": {
    does: "list the app's API keys",
    to: "caller",
    scopes: ["admin"],
    roles: ["admin", "auditor"],
  },
  "keys.manage": {
    does: "issue, rotate and revoke the app's API keys",
    to: "caller",
    scopes: ["admin"],
    roles: ["admin"],
    isRecorded: true,
  },
  "actions.read": {
    does: "read the audit log",
    to: "caller",
    scopes: ["admin", "audit:read"],
    roles: ["admin", "auditor"],
  },
  "people.read": {
    does: "list people with their roles",
    to: "account",
    scopes: ["admin"],
    roles: ["admin", "auditor"],
    isForAll: true,
  },
  "people.manage": {
    does: "invite people, grant them roles, disable them, give them a new password",
    to: "account",
    scopes: ["admin"],
    roles: ["admin"],
    isForAll: true,
    isRecorded: true,
  },
  "account.own": {
    does: "see oneself, change one's password, sign out",
    to: "account",
    scopes: [],
    roles: [],
    isOwn: true,
    isRecorded: true,
  },
} as const satisfies Record<string, Entry>

/** With each entry's own type, from which follows whom a route speaks to. */
export type PermissionTable = typeof table
export type Permission = keyof PermissionTable

/** Who may do what: the only place that says so. Each route names one, docs/permissions.md is written from it, and a test walks every route with every kind of caller. */
export const permissionTable: Readonly<Record<Permission, Entry>> = table

const names = Object.keys(table) as Permission[]

/** @param isOfInstallation whether the key may do what concerns every app */
export function permissionsOfKey(
  granted: ReadonlySet<string>,
  isOfInstallation: boolean,
): ReadonlySet<Permission> {
  return new Set(
    names.filter((name) => {
      const entry = permissionTable[name]
      return entry.scopes.some((scope) => granted.has(scope)) && (entry.isForAll !== true || isOfInstallation)
    }),
  )
}

/**
 * @param inApp what a person is in the app
 * @param inAll what it is in every app
 */
export function permissionsOfPerson(
  inApp: ReadonlySet<Role>,
  inAll: ReadonlySet<Role>,
): ReadonlySet<Permission> {
  return new Set(
    names.filter((name) => {
      const entry = permissionTable[name]
      if (entry.isOwn === true) return true
      return entry.roles.some((role) => inAll.has(role) || (entry.isForAll !== true && inApp.has(role)))
    }),
  )
}
