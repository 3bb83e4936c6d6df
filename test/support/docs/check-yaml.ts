import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import type { z } from "zod"
import { batchStrategySchema } from "../../../platform/config/batch-strategy-schema.ts"
import { chainsSchema } from "../../../platform/config/chains-schema.ts"
import { mergeDeep } from "../../../platform/config/merge-deep.ts"
import { reasonRegistrySchema } from "../../../platform/config/reason-registry-schema.ts"
import { syncSchema } from "../../../platform/config/sync-schema.ts"
import { tokensSchema } from "../../../platform/config/tokens-schema.ts"
import { type Example, root } from "./read-examples.ts"

const schemas: Readonly<Record<string, z.ZodType>> = {
  "batch_strategy.yaml": batchStrategySchema,
  "chains.yaml": chainsSchema,
  "reason_registry.yaml": reasonRegistrySchema,
  "sync_config.yaml": syncSchema,
  "tokens.yaml": tokensSchema,
}

/** Checks a YAML example, laid over the file of config/ that stands behind `yaml`, by that file's schema. @returns faults */
export function checkYaml({ code, note }: Example): string[] {
  const schema = schemas[note]
  if (schema === undefined)
    return [`say behind \`yaml\` which file it is: ${Object.keys(schemas).join(", ")}`]
  const shipped: unknown = parse(readFileSync(join(root, "config", note), "utf8"))
  const result = schema.safeParse(mergeDeep(shipped, parse(code)))
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)
}
