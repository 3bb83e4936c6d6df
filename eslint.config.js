// What neither the compiler nor Biome can see: promises that nobody waits for, imports against the layers' direction,
// impure domain code, and amounts that become floating point numbers.
import tseslint from "typescript-eslint"

const typescript = "**/*.ts"
const tools = ["test", "scripts", "contracts"]

/** What each folder may import, besides itself. */
const layers = {
  platform: [],
  abis: [],
  client: [],
  ledger: ["platform", "abis"],
  indexer: ["platform", "abis"],
  batcher: ["ledger", "platform", "abis"],
  api: ["ledger", "platform", "abis"],
  cli: ["api", "batcher", "indexer", "ledger", "platform", "abis"],
}

const everyImport =
  ":matches(ImportDeclaration, ExportNamedDeclaration, ExportAllDeclaration, ImportExpression, TSImportType)"

function importsAgainstTheLayers(folder) {
  const forbidden = [...Object.keys(layers), ...tools].filter(
    (other) => other !== folder && !layers[folder].includes(other),
  )
  const allowed = layers[folder].length === 0 ? "no other folder" : `only ${layers[folder].join(", ")}`
  return {
    selector: `${everyImport} > .source[value=/^\\.{1,2}\\u002f(.*\\u002f)?(${forbidden.join("|")})\\u002f/]`,
    message: `Dependencies point down: ${folder}/ may import ${allowed}.`,
  }
}

const amountName = "/amount|balance|delta|supply|minted|burned|units|drift|threshold|debit|credit/i"

const amountsAsFloats = [
  {
    // The last name of an expression says what it is: `row.balance` is an amount, `balance.blockNumber` is none.
    selector: `CallExpression[callee.name="Number"] :matches(Identifier[name=${amountName}], Literal[value=${amountName}]):not(MemberExpression > .object)`,
    message: "An amount is a bigint and stays one: a number rounds above 2^53.",
  },
  {
    selector: `CallExpression:has(> Identifier.arguments[name="Number"]) > .callee Identifier[name=${amountName}]`,
    message: "An amount is a bigint and stays one: a number rounds above 2^53.",
  },
  {
    selector:
      ":matches(CallExpression[callee.name=/^(parseInt|parseFloat)$/], CallExpression[callee.object.name='Number'][callee.property.name=/^(parseInt|parseFloat)$/], UnaryExpression[operator='+'])",
    message:
      "parseInt, parseFloat and unary plus take half-numbers and nothings: BigInt() for amounts, Number() for counts.",
  },
  {
    selector: "ImportSpecifier[imported.name=/^parse(Units|Ether|Gwei)$/]",
    message: "viem rounds excess decimals silently: ledger/domain/amount.ts refuses them.",
  },
]

const impureDomain = [
  {
    selector: `${everyImport}[importKind!="type"] > .source[value=/^(kysely|pg|ponder|hono|pino|viem\\u002f(actions|clients)|(node:)?(process|fs|net|http|https|os|child_process|timers|worker_threads|perf_hooks))(\\u002f|$)/]`,
    message: "Domain code is pure: what it needs to know comes in as an argument.",
  },
  {
    selector:
      ':matches(ImportDeclaration[source.value="viem"], ImportDeclaration[source.value=/^(node:)?crypto$/]) > ImportSpecifier[imported.name=/^(create.*Client|http|webSocket|fallback|ipc|custom|random.*|generate.*|webcrypto|getRandomValues)$/]',
    message: "Domain code is pure: no chain client, no randomness.",
  },
  {
    selector:
      "ImportDeclaration[source.value=/^(node:)?crypto$/] > :matches(ImportDefaultSpecifier, ImportNamespaceSpecifier)",
    message: "Import from node:crypto by name, so that it can be seen that nothing is random.",
  },
  {
    selector:
      ":matches(Identifier[name=/^(process|performance|crypto|fetch|setTimeout|setInterval|setImmediate|globalThis)$/]:not(MemberExpression > .property[computed=false]):not(Property > .key))",
    message: "Domain code is pure: no environment, no clock, no randomness, no network.",
  },
  {
    selector:
      ':matches(MemberExpression[object.name="Date"][property.name="now"], MemberExpression[object.name="Math"][property.name="random"], NewExpression[callee.name="Date"][arguments.length=0], CallExpression[callee.name="Date"])',
    message: "Domain code is pure: time and chance come in as arguments.",
  },
]

export default [
  {
    ignores: [
      "**/node_modules/",
      "**/.chainbridge/",
      "**/.ponder/",
      "**/generated/",
      "client/dist/",
      "coverage/",
    ],
  },
  {
    files: [typescript],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@typescript-eslint": tseslint.plugin },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  ...Object.keys(layers).flatMap((folder) => {
    const rules = [importsAgainstTheLayers(folder), ...amountsAsFloats]
    return [
      { files: [`${folder}/${typescript}`], rules: { "no-restricted-syntax": ["error", ...rules] } },
      {
        files: [`${folder}/**/domain/${typescript}`],
        ignores: ["**/*.test.ts"],
        rules: { "no-restricted-syntax": ["error", ...rules, ...impureDomain] },
      },
    ]
  }),
]
