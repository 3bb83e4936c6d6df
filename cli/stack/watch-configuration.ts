import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import {
  type Configuration,
  type ConfigurationSource,
  loadConfiguration,
} from "../../platform/config/load-configuration.ts"
import { describeError } from "../../platform/errors.ts"

const defaultIntervalMs = 1_000

/**
 * Has the configuration files take effect again when one of them changes. They are compared by content, since editors and mounted volumes announce changes in their own ways or not at
 * all, and taken when they are the same twice in a row: a file may be seen half written. Files that are refused
 * change nothing, why they are is said once, and they are tried again: it may have been the database.
 */
export function watchConfiguration(options: {
  readonly source: ConfigurationSource
  readonly apply: (configuration: Configuration) => Promise<void>
  readonly onNote: (message: string) => void
  readonly intervalMs?: number
}): { stop(): Promise<void> } {
  const { source, apply, onNote } = options
  let applied = readFiles(source)
  let seen = applied
  let tried = applied
  let said = ""
  let underway: Promise<void> = Promise.resolve()

  function note(message: string): void {
    if (message !== said) onNote(message)
    said = message
  }

  async function look(): Promise<void> {
    const before = seen
    seen = readFiles(source)
    if (seen === applied || seen !== before) return
    said = seen === tried ? said : ""
    tried = seen
    try {
      const configuration = loadConfiguration(source)
      await apply(configuration)
      applied = seen
      const { unread } = configuration
      const butFor = unread.length === 0 ? "" : `, but for what nothing reads: ${unread.join(", ")}`
      note(`the configuration files have changed, and are in effect${butFor}`)
    } catch (error) {
      note(`the configuration files have changed, and are not in effect: ${describeError(error)}`)
    }
  }

  const timer = setInterval(() => {
    underway = underway.then(look)
  }, options.intervalMs ?? defaultIntervalMs)
  return {
    async stop() {
      clearInterval(timer)
      await underway
    },
  }
}

function readFiles({ directory, overlay }: ConfigurationSource): string {
  const directories = overlay === undefined ? [directory] : [directory, join(directory, overlay)]
  return JSON.stringify(directories.map((each) => [each, readYamlFiles(each)]))
}

function readYamlFiles(directory: string): unknown {
  try {
    if (!existsSync(directory)) return null
    return readdirSync(directory)
      .filter((name) => name.endsWith(".yaml"))
      .sort()
      .map((name) => [name, readFileSync(join(directory, name), "utf8")])
  } catch (error) {
    // A file that went away between the two calls, or may not be read: another content, which loading will name.
    return describeError(error)
  }
}
