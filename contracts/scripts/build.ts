import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { generateArtifacts } from "./artifacts.ts"

const repositoryRoot = join(import.meta.dirname, "../..")

const usage = `npm run contracts              compile contracts/src and write abis/
npm run contracts -- --check   change nothing; fail when abis/ differs from the sources
npm run contracts -- --gas     also measure on a local chain and write contracts/gas-snapshot.json
npm run contracts -- --check --gas   also fail when the measured gas differs from the snapshot`

const { values: options } = parseArgs({
  options: {
    check: { type: "boolean", default: false },
    gas: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
})

if (options.help) {
  console.log(usage)
} else {
  if (options.check) checkFiles(generateArtifacts())
  else writeFiles(generateArtifacts())
  // Gas of files that are not those of the sources would say nothing.
  if (options.gas && process.exitCode === undefined) await checkOrWriteGas(options.check)
}

async function checkOrWriteGas(onlyCheck: boolean): Promise<void> {
  // Loaded only now: it measures with the files that were written a moment ago.
  const { measureGas } = await import("../test/measure-gas.ts")
  const { formatGasSnapshot, gasDifferences, gasSnapshotPath } = await import("./gas-snapshot.ts")
  const measured = await measureGas()
  if (!onlyCheck) {
    writeFileSync(gasSnapshotPath, formatGasSnapshot(measured))
    console.log("contracts: wrote contracts/gas-snapshot.json")
    return
  }
  const differences = gasDifferences(measured)
  for (const difference of differences) console.error(`contracts: ${difference}`)
  if (differences.length === 0) console.log("contracts: the measured gas matches contracts/gas-snapshot.json")
  else process.exitCode = 1
}

function writeFiles(files: ReadonlyMap<string, string>): void {
  for (const path of strayFiles(files)) rmSync(join(repositoryRoot, path))
  for (const [path, content] of files) {
    mkdirSync(dirname(join(repositoryRoot, path)), { recursive: true })
    writeFileSync(join(repositoryRoot, path), content)
  }
  console.log(`contracts: wrote ${files.size} files to abis/`)
}

function checkFiles(files: ReadonlyMap<string, string>): void {
  const differing = [...files]
    .filter(([path, content]) => readIfThere(path) !== content)
    .map(([path]) => path)
  const wrong = [...differing, ...strayFiles(files)]
  if (wrong.length === 0) {
    console.log("contracts: abis/ matches the sources")
    return
  }
  console.error(`contracts: these files differ from contracts/src: ${wrong.join(", ")}`)
  console.error("Run `npm run contracts` and commit what it writes.")
  process.exitCode = 1
}

function strayFiles(files: ReadonlyMap<string, string>): string[] {
  if (!existsSync(join(repositoryRoot, "abis"))) return []
  return readdirSync(join(repositoryRoot, "abis"), { recursive: true, encoding: "utf8" })
    .map((path) => `abis/${path}`)
    .filter((path) => path.endsWith(".ts") && !files.has(path))
}

function readIfThere(path: string): string | undefined {
  return existsSync(join(repositoryRoot, path)) ? readFileSync(join(repositoryRoot, path), "utf8") : undefined
}
