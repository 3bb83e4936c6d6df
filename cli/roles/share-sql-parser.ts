import { registerHooks } from "node:module"

const parserPackage = "pg-query-emscripten"
const shared = new URL("./one-sql-parser.ts", import.meta.url)

/**
 * Ponder (0.16) makes a parser of SQL, with megabytes of memory of its own, for each statement of a handler: for every block here, of which it is most of what an idle chain costs. Whoever asks for
 * the parser after this gets one that remembers what a text was parsed to, and is made anew only for a text that it has not seen.
 */
registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context)
    if (specifier !== parserPackage) return resolved
    const url = new URL(shared)
    url.searchParams.set("of", resolved.url)
    return { ...resolved, url: url.href, format: "module-typescript" }
  },
})
