import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import type { Abi, Hex } from "viem"
import { z } from "zod"

const repositoryRoot = join(import.meta.dirname, "../..")

const compilerOutput = z.object({
  errors: z.array(z.object({ severity: z.string(), formattedMessage: z.string() })).default([]),
  contracts: z
    .record(
      z.string(),
      z.record(
        z.string(),
        z.object({
          abi: z.array(z.unknown()),
          evm: z.object({ bytecode: z.object({ object: z.string() }) }),
          storageLayout: z.object({ storage: z.array(z.object({ label: z.string(), slot: z.string() })) }),
        }),
      ),
    )
    .default({}),
})

export type CompiledContract = {
  readonly abi: Abi
  /** Creation code, without constructor arguments. */
  readonly bytecode: Hex
  /** Slot of each state variable, by its name. */
  readonly storageSlots: ReadonlyMap<string, bigint>
}

export const compilerSettings = { evmVersion: "cancun", optimizerRuns: 1_000_000 } as const

/**
 * Compiles Solidity files, given relative to the repository, with the one set of options that the project uses; for tests, for an older machine.
 * The result is by `path:Contract` and depends on nothing but the sources. Throws with the compiler's messages
 * on any error or warning.
 */
export function compile(
  paths: readonly string[],
  evmVersion: "cancun" | "berlin" = compilerSettings.evmVersion,
): ReadonlyMap<string, CompiledContract> {
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(paths.map((path) => [path, { content: readSource(path) }])),
    settings: {
      evmVersion,
      optimizer: { enabled: true, runs: compilerSettings.optimizerRuns },
      // A hash of the sources' metadata would change the wallets' addresses with every comment.
      metadata: { bytecodeHash: "none", appendCBOR: false },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "storageLayout"] } },
    },
  }
  const output = compilerOutput.parse(
    JSON.parse(loadCompiler().compile(JSON.stringify(input), { import: resolveImport })),
  )
  // Berlin is what the oldest chains run that a test may settle on.
  const errors = output.errors.filter(
    ({ formattedMessage }) => !/^Support for EVM versions/.test(formattedMessage),
  )
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"))
  return new Map(
    Object.entries(output.contracts).flatMap(([path, contracts]) =>
      Object.entries(contracts).map(([name, contract]): [string, CompiledContract] => [
        `${path}:${name}`,
        {
          // The compiler's own output is the definition of this shape.
          abi: contract.abi as Abi,
          bytecode: `0x${contract.evm.bytecode.object}`,
          storageSlots: new Map(
            contract.storageLayout.storage.map(({ label, slot }) => [label, BigInt(slot)]),
          ),
        },
      ]),
    ),
  )
}

/** Such as `0.8.37+commit.…`. */
export function compilerVersion(): string {
  return loadCompiler().version().replace(".Emscripten.clang", "")
}

type Compiler = {
  version(): string
  compile(input: string, callbacks: { import: typeof resolveImport }): string
}

function loadCompiler(): Compiler {
  // Loaded on demand: it is 10 MB, and its CommonJS build adds process-wide handlers when it is loaded.
  return createRequire(import.meta.url)("solc")
}

function resolveImport(path: string): { contents: string } | { error: string } {
  try {
    return { contents: readSource(path) }
  } catch (error) {
    return { error: `cannot read ${path}: ${String(error)}` }
  }
}

function readSource(path: string): string {
  const fromPackage = path.startsWith("@")
  return readFileSync(join(repositoryRoot, fromPackage ? "node_modules" : "", path), "utf8")
}
