// `npm run fuzz:api`: schemathesis against the live API: whatever its description says is held against what it does.
// `--cases N` (2,000): so many requests at least; `--seed N`: the same ones again; `--pass key|person|nobody` and `--only <part of a path>`: some of them.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { routes } from "../../api/routes.ts"
import { writeConfiguration } from "./configuration.ts"
import { type FuzzSystem, startFuzzSystem } from "./fuzz-system.ts"
import { installSchemathesis, runSchemathesis } from "./schemathesis.ts"

const timeoutSeconds = 20

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000_000)) },
    cases: { type: "string", default: "2000" },
    only: { type: "string" },
    pass: { type: "string" },
  },
})
const seed = readCount("seed", values.seed)
const cases = readCount("cases", values.cases)

type Pass = { readonly name: string; readonly share: number; readonly who: Record<string, string> }

/** What the passes themselves need: a fuzz that ends it would only be refused from then on. */
async function findOwn({ world, registry }: FuzzSystem): Promise<string> {
  const { keys } = await world.data("GET", "/admin/keys?limit=500")
  const own = keys.find((key: { key_prefix: string }) => registry.apiKey.startsWith(key.key_prefix))
  if (own === undefined) throw new Error("the key is not in its own list")
  return `${own.key_id},${world.admin.personId}`
}

function passesOf({ world, registry }: FuzzSystem): readonly Pass[] {
  return [
    { name: "key", share: 0.7, who: { kind: "key", key: registry.apiKey } },
    {
      name: "person",
      share: 0.2,
      who: {
        kind: "person",
        email: world.admin.email,
        password: world.admin.password,
        leaver_email: world.leaver.email,
        leaver_password: world.leaver.password,
        app_id: registry.app.appId,
      },
    },
    { name: "nobody", share: 0.1, who: { kind: "nobody" } },
  ]
}

async function fuzz(program: string, directory: string): Promise<boolean> {
  const system = await startFuzzSystem()
  let isGood = true
  let asked = 0
  try {
    const configuration = join(directory, "schemathesis.toml")
    const own = await findOwn(system)
    writeConfiguration(configuration, system, timeoutSeconds)
    for (const { name, share, who } of passesOf(system)) {
      if (values.pass !== undefined && values.pass !== name) continue
      const counts = join(directory, `${name}.json`)
      console.log(`\npass "${name}", seed ${seed}`)
      const perRoute = Math.max(1, Math.ceil((cases * share) / routes.length))
      const code = await runSchemathesis(
        program,
        [
          ...["--config-file", configuration, "run", `${system.api.url}/openapi.json`],
          ...["--url", system.api.url, "--checks", "all", "--seed", String(seed)],
          ...["--max-examples", String(perRoute), "--no-color", "--continue-on-failure"],
          ...(values.only === undefined ? [] : ["--include-path-regex", values.only]),
        ],
        {
          SCHEMATHESIS_HOOKS: "hooks",
          PYTHONPATH: import.meta.dirname,
          PYTHONDONTWRITEBYTECODE: "1",
          FUZZ_URL: system.api.url,
          FUZZ_WHO: JSON.stringify(who),
          FUZZ_OWN: own,
          FUZZ_COUNTS: counts,
        },
      )
      const statuses = JSON.parse(readFileSync(counts, "utf8")) as Record<string, number>
      const sum = Object.values(statuses).reduce((total, count) => total + count, 0)
      const faults = Object.entries(statuses).filter(([status]) => status.startsWith("5"))
      asked += sum
      console.log(`pass "${name}": ${sum} requests, ${JSON.stringify(statuses)}`)
      if (code !== 0 || faults.length > 0) isGood = false
    }
    if (asked < cases) {
      console.log(`only ${asked} of ${cases} requests were made`)
      isGood = false
    }
    const log = system.api.log()
    if (/"level":(50|60)/.test(log)) console.log(log)
  } finally {
    await system.close()
  }
  console.log(`${isGood ? "clean" : "NOT clean"}: ${asked} requests, seed ${seed}`)
  return isGood
}

function readCount(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  console.error(`--${name} takes a whole number`)
  process.exit(2)
}

const directory = mkdtempSync(join(tmpdir(), "chainbridge-fuzz-"))
try {
  process.exitCode = (await fuzz(installSchemathesis(), directory)) ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(directory, { recursive: true })
}
