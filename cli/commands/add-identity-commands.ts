import { type Command, InvalidArgumentError, Option } from "commander"
import { scopes } from "../../api/scopes.ts"
import { createAddressList } from "../../platform/address-list.ts"

const dataDirectory = [
  "--data-dir <directory>",
  "the stack to work on, where DATABASE_URL is not set",
  ".chainbridge",
] as const

/** `chainbridge keys …` and `chainbridge admin …`: who may call the API. */
export function addIdentityCommands(program: Command): void {
  addKeys(program.command("keys").description("API keys"))
  program
    .command("admin")
    .description("people who administrate")
    .command("create")
    .description("make somebody admin for all apps, who then invites the others over the API")
    .requiredOption("--email <address>", "whom")
    .option("--name <text>", "as it is shown")
    .option("--generate", "make a password and print it, once; the first sign-in exchanges it", false)
    .option(...dataDirectory)
    .addHelpText(
      "after",
      `
The password is asked for, or read from what is piped in; it is never an argument.

Examples:
  npm run chainbridge -- admin create --email ann@example.com
  npm run --silent chainbridge -- admin create --email ann@example.com --generate`,
    )
    .action(async (options) => (await import("./admin.ts")).createAdminCommand(options))
}

function addKeys(keys: Command): void {
  keys
    .command("create")
    .description("make a key and print it, once; the app is made when there is none of that name")
    .requiredOption("--app <name>", "whose key", parseAppName)
    .addOption(
      new Option("--scope <scope...>", "what it may do")
        .choices(scopes)
        .default(["ledger:write", "ledger:read"]),
    )
    .option("--name <text>", "to recognise it by", parseLabel)
    .option("--allow-from <range...>", "addresses that it may be used from; any, unless given", collectRange)
    .option("--expires <time>", "when it ends, as 2030-12-31T00:00:00Z; never, unless given", parseLater)
    .option("--installation", "may also do what concerns every app", false)
    .option(...dataDirectory)
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- keys create --app shop --scope ledger:read")
    .action(async (options) => (await import("./keys.ts")).createKeyCommand(options))
  keys
    .command("list")
    .description("every key with what it may do; a key itself is never shown again")
    .option("--app <name>", "only of this app", parseAppName)
    .option(...dataDirectory)
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- keys list --app shop")
    .action(async (options) => (await import("./keys.ts")).listKeysCommand(options))
  keys
    .command("rotate <key_id>")
    .description("make a key in the place of another one and print it, once")
    .option("--overlap <seconds>", "for how long the old one still works", parseOverlap, 86_400)
    .option(...dataDirectory)
    .addHelpText(
      "after",
      "\nExample:\n  npm run chainbridge -- keys rotate 0193c5e0-0000-7000-8000-000000000000 --overlap 3600",
    )
    .action(async (keyId: string, options) => (await import("./keys.ts")).rotateKeyCommand(keyId, options))
  keys
    .command("revoke <key_id>")
    .description("end a key at once, for good")
    .option(...dataDirectory)
    .addHelpText(
      "after",
      "\nExample:\n  npm run chainbridge -- keys revoke 0193c5e0-0000-7000-8000-000000000000",
    )
    .action(async (keyId: string, options) => (await import("./keys.ts")).revokeKeyCommand(keyId, options))
}

/** Visible characters, and single blanks between them. */
function parseAppName(text: string): string {
  if (text.length <= 64 && /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+( [\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$/u.test(text))
    return text
  throw new InvalidArgumentError("Allowed: 1 to 64 visible characters, with single blanks between them.")
}

function parseLabel(text: string): string {
  if (/^[^\p{Cc}]{1,100}$/u.test(text)) return text
  throw new InvalidArgumentError("Allowed: 1 to 100 printable characters.")
}

function collectRange(text: string, before: readonly string[] = []): string[] {
  try {
    return [...before, ...createAddressList([text]).ranges]
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function parseLater(text: string): Date {
  const time = new Date(text)
  if (/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text) && time.getTime() > Date.now()) return time
  throw new InvalidArgumentError("Allowed: a time in the future with its zone, as 2030-12-31T00:00:00Z.")
}

function parseOverlap(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) <= 2_592_000) return Number(text)
  throw new InvalidArgumentError("Allowed: 0 to 2592000 seconds, thirty days.")
}
