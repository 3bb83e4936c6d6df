import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { startCommand } from "../../cli/commands/start.ts"

/** `start` with its defaults, as `npm start` runs it, but for the batcher, which dies where the test says. */
const { values } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: true },
    port: { type: "string", default: "0" },
    "data-dir": { type: "string" },
  },
})
const dataDir = values["data-dir"]
if (dataDir === undefined) throw new TypeError("--data-dir is missing")

await startCommand(
  {
    port: values.port,
    dataDir,
    configDir: fileURLToPath(new URL("../../config", import.meta.url)),
    overlay: "development",
    json: values.json,
    ephemeral: false,
  },
  { batcher: fileURLToPath(new URL("./dying-batcher.ts", import.meta.url)) },
)
