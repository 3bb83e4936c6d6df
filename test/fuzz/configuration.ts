import { writeFileSync } from "node:fs"
import type { FuzzSystem } from "./fuzz-system.ts"

/** How often a parameter is something that there is, rather than something made up. */
const knownShare = 0.5
/** Each goes from an answer to what its links lead to. */
const statefulScenarios = 60

/** What the document has as numbers. */
const numbers = new Set(["from_version", "to_version", "position", "tree_size"])

/** What schemathesis reads, with the reason for everything that is not as it comes. */
export function writeConfiguration(
  file: string,
  { world, registry }: Pick<FuzzSystem, "world" | "registry">,
  timeoutSeconds: number,
): void {
  const dictionaries: Readonly<Record<string, readonly (string | number)[]>> = {
    ...Object.fromEntries(
      Object.entries(world.named).map(([name, value]) => [name, [numbers.has(name) ? Number(value) : value]]),
    ),
    app_id: [registry.app.appId],
    token_symbol: ["CPOP", "USDT", "GOLD", "POINT"],
    // The name of a chain's entry is text.
    chain_id: [31337, 31338],
    chain_id_text: ["31337", "31338"],
    reason_type: ["reward", "consumption", "refund", "mint"],
  }
  const lines = [
    `request-timeout = ${timeoutSeconds}`,
    "[cache]",
    "enabled = false",
    "[generation]",
    // What the API answers does not depend on it, and a rerun by its seed is to be the same.
    'database = "none"',
    "[phases.stateful]",
    "max-steps = 6",
    "[phases.stateful.generation]",
    `max-examples = ${statefulScenarios}`,
    "[checks.positive_data_acceptance]",
    // A schema cannot say which tokens there are or what a balance covers: 400 and 422 are held against the codes by a check of our own, in hooks.py.
    'expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "422", "426", "429"]',
    "[checks.negative_data_rejection]",
    // What is too long is refused as such, too: 413 and 431 are not among what schemathesis takes for a refusal, and 426 is what a plain request to /ws gets.
    'expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "415", "422", "426", "429", "431"]',
    ...Object.entries(dictionaries).flatMap(([name, values]) => [
      `[dictionaries.${name}]`,
      `values = [${values.map((value) => JSON.stringify(value)).join(", ")}]`,
    ]),
    "[parameters]",
    // Of any other app a person hears 403, whatever he asks for.
    '"header.x-app-id" = { dictionary = "app_id", probability = 0.9 }',
    ...Object.keys(world.named).map(
      (name) =>
        `"path.${name}" = { dictionary = "${name === "chain_id" ? "chain_id_text" : name}", probability = ${knownShare} }`,
    ),
    ...["token_symbol", "chain_id", "user_id", "reason_type"].map(
      (name) => `"query.${name}" = { dictionary = "${name}", probability = ${knownShare} }`,
    ),
    ...bodyParameters.map(
      ([path, name]) => `"body.${path}" = { dictionary = "${name}", probability = ${knownShare} }`,
    ),
    "[[operations]]",
    // It has no end: what comes within the time is read and held against the schema.
    'include-path = "/api/v1/stream"',
    "request-timeout = 1.5",
    "max-stream-events = 3",
    "",
  ]
  writeFileSync(file, lines.join("\n"))
}

const bodyParameters = [
  ["token_symbol", "token_symbol"],
  ["chain_id", "chain_id"],
  ["user_id", "user_id"],
  ["reason_type", "reason_type"],
  ["adjustments[*].token_symbol", "token_symbol"],
  ["adjustments[*].chain_id", "chain_id"],
  ["adjustments[*].user_id", "user_id"],
  ["adjustments[*].reason_type", "reason_type"],
  ["reward_batch.token_symbol", "token_symbol"],
  ["recipients[*].user_id", "user_id"],
  ["consumption.token_symbol", "token_symbol"],
  ["deductions[*].user_id", "user_id"],
] as const
