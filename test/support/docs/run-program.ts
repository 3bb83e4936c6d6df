import { execFile } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { type Example, root } from "./read-examples.ts"

const run = promisify(execFile)
const tsc = join(root, "node_modules", "typescript", "bin", "tsc")
const timeoutMs = 90_000

/** The languages of programs, and what stands between a printing and what it prints. */
const kinds = {
  js: { file: "example.js", command: process.execPath, printed: /console\.log\(.*\) \/\/ (.*)$/gm },
  ts: { file: "example.ts", command: process.execPath, printed: /console\.log\(.*\) \/\/ (.*)$/gm },
  python: { file: "example.py", command: "python3", printed: /print\(.*\) {1,2}# (.*)$/gm },
} as const

export type ProgramLanguage = keyof typeof kinds

export function isProgram(language: string): language is ProgramLanguage {
  return language in kinds
}

/** Runs a page's examples of one language as one program. @param project where the client is installed @returns what it printed, and what the page says that it prints */
export async function runProgram(
  language: ProgramLanguage,
  examples: readonly Example[],
  project: string,
  env: Readonly<Record<string, string>>,
): Promise<{ printed: string[]; promised: string[] }> {
  const { command, printed } = kinds[language]
  const { directory, file, code } = await writeProgram(language, examples, project, env)
  const { stdout } = await run(command, [file], {
    cwd: directory,
    timeout: timeoutMs,
    env: { ...process.env, ...env },
  })
  return {
    printed: stdout.trim() === "" ? [] : stdout.trim().split("\n"),
    promised: [...code.matchAll(printed)].map(([, said = ""]) => said),
  }
}

/** @throws where it needs what nothing sets, and what the compiler says */
export async function writeProgram(
  language: ProgramLanguage,
  examples: readonly Example[],
  project: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly directory: string; readonly file: string; readonly code: string }> {
  const { file } = kinds[language]
  const code = examples.map((example) => example.code).join("\n")
  for (const [, name = ""] of code.matchAll(/process\.env\.(\w+)|environ\["(\w+)"\]/g))
    if (!(name in env)) throw new Error(`nothing sets ${name} for ${examples[0]?.page}: see placeholders.ts`)
  const directory = join(project, (examples[0]?.page ?? "").replaceAll(/\W/g, "_"))
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, file), code)
  if (language === "ts") await compile(file, directory)
  return { directory, file, code }
}

async function compile(file: string, directory: string): Promise<void> {
  await run(
    process.execPath,
    [
      ...[tsc, "--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--skipLibCheck"],
      ...["--erasableSyntaxOnly", "--types", "node", "--typeRoots", join(root, "node_modules/@types"), file],
    ],
    { cwd: directory },
  ).catch((error: { stdout: string }) => {
    throw new Error(error.stdout)
  })
}
