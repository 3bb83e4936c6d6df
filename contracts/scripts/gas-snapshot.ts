import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"

export const gasSnapshotPath = join(import.meta.dirname, "../gas-snapshot.json")

const gasByCall = z.record(z.string(), z.number().int().positive())

export function formatGasSnapshot(gas: Readonly<Record<string, number>>): string {
  return `${JSON.stringify(gas, null, 2)}\n`
}

/** One sentence per call whose measured gas is not exactly the committed one. */
export function gasDifferences(measured: Readonly<Record<string, number>>): string[] {
  const committed = existsSync(gasSnapshotPath)
    ? gasByCall.parse(JSON.parse(readFileSync(gasSnapshotPath, "utf8")))
    : {}
  const names = [...new Set([...Object.keys(committed), ...Object.keys(measured)])]
  return names
    .filter((name) => committed[name] !== measured[name])
    .map((name) => {
      const [before, after] = [committed[name] ?? "nothing", measured[name] ?? "nothing"]
      return `${name}: ${after} gas measured, ${before} in the snapshot; if meant, npm run contracts -- --gas`
    })
}
