import { fullPath } from "../api/full-path.ts"
import { type Permission, permissionTable, roles } from "../api/permissions.ts"
import { routes } from "../api/routes.ts"

const introduction = `# Permissions

Written by \`npm run docs\` from \`api/permissions.ts\` and the routes; a test walks every route with every kind of caller and compares.

A **key** needs one of the scopes that its row names. It speaks for one app and sees nothing of any other. A **person** needs one of the roles, granted for the app or
for all apps; whoever has a role in several apps names the app as \`X-App-Id\`. What concerns the whole installation ("all apps") takes a key that was
made with \`keys create --installation\`, or a role that was granted for all apps. What changes something for an operator leaves an entry in the
[audit log](identity.md#audit-log), in the same transaction.`

/** docs/permissions.md: the permissions, and for each route the one it asks for. */
export function renderPermissions(): string {
  const names = Object.keys(permissionTable) as Permission[]
  const rows = names
    .filter((name) => name !== "public")
    .map((name) => {
      const { does, scopes, roles: granted, isForAll, isOwn, isRecorded } = permissionTable[name]
      const marks = roles.map((role) => (isOwn === true || granted.includes(role) ? "yes" : "–"))
      const reach = isForAll === true ? "all apps" : isOwn === true ? "oneself" : "app"
      const keys = scopes.length === 0 ? "–" : scopes.map((scope) => `\`${scope}\``).join(" ")
      return [`\`${name}\``, does, keys, ...marks, reach, isRecorded === true ? "yes" : "–"]
    })
  const heads = ["permission", "what for", "a key with one of", ...roles, "concerns", "in the audit log"]
  const routeRows = routes.map((route) => [
    `\`${route.method.toUpperCase()} ${fullPath(route)}\``,
    route.permission === "public" ? "anybody" : `\`${route.permission}\``,
  ])
  return [introduction, tableOf(heads, rows), "## Routes", tableOf(["route", "permission"], routeRows), ""]
    .join("\n\n")
    .replace(/\n+$/, "\n")
}

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
}
