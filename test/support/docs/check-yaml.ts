import { parse } from "yaml"
import type { z } from "zod"
import { batchStrategySchema } from "../../../platform/config/batch-strategy-schema.ts"
import { chainsSchema } from "../../../platform/config/chains-schema.ts"
import { reasonRegistrySchema } from "../../../platform/config/reason-registry-schema.ts"
import { syncSchema } from "../../../platform/config/sync-schema.ts"
import { tokensSchema } from "../../../platform/config/tokens-schema.ts"
import type { Example } from "./read-examples.ts"

const schemas: Readonly<Record<string, z.ZodType>> = {
  "batch_strategy.yaml": batchStrategySchema,
  "chains.yaml": chainsSchema,
  "reason_registry.yaml": reasonRegistrySchema,
  "sync_config.yaml": syncSchema,
  "tokens.yaml": tokensSchema,
}

/** Checks a YAML example by the schema of the file of config/ that stands behind `yaml`. @returns faults */
export function checkYaml({ code, note }: Example): string[] {
  const schema = schemas[note]
  if (schema === undefined)
    return [`say behind \`yaml\` which file it is: ${Object.keys(schemas).join(", ")}`]
  const result = schema.safeParse(parse(code))
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)
}
