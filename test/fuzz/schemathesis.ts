import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const requirements = join(import.meta.dirname, "requirements.txt")
const directory = join(import.meta.dirname, "..", "..", ".chainbridge", "fuzz")
const program = join(directory, "bin", "schemathesis")

/** Where schemathesis is: what `SCHEMATHESIS` names, or a place of our own, which it is installed into by pip. @throws saying what to do */
export function installSchemathesis(): string {
  const given = process.env["SCHEMATHESIS"]
  if (given !== undefined && given !== "") return given
  const wanted = readFileSync(requirements, "utf8").trim().replace("==", ", version ")
  if (existsSync(program) && run(program, ["--version"]).trim() === wanted) return program
  console.log("schemathesis is installed into .chainbridge/fuzz")
  mkdirSync(directory, { recursive: true })
  const python = ["python3", "python"].find((name) => spawnSync(name, ["--version"]).status === 0)
  if (python === undefined) throw new Error(`Python 3.10 or newer is missing; ${otherwise}`)
  run(
    python,
    ["-m", "venv", directory],
    "Python cannot make an environment (on Debian: apt-get install python3-venv)",
  )
  run(
    join(directory, "bin", "python"),
    ["-m", "pip", "install", "-q", "-r", requirements],
    "pip could not install it",
  )
  return program
}

const otherwise = "install it, or name a schemathesis by SCHEMATHESIS=/path/to/schemathesis"

function run(command: string, args: readonly string[], fault?: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" })
  if (status === 0) return stdout
  if (fault === undefined) return ""
  throw new Error(`${fault}; ${otherwise}\n${stderr}`)
}

/** Runs it to its end, on our own output. @returns its exit code: 0 where it found nothing */
export function runSchemathesis(
  executable: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const child = spawn(executable, args, { stdio: "inherit", env: { ...process.env, ...environment } })
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("exit", (code) => resolve(code ?? 1))
  })
}
