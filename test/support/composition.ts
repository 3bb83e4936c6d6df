import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { z } from "zod"
import { inherited } from "./inherited.ts"

const root = join(import.meta.dirname, "..", "..")

const serviceSchema = z.object({
  image: z.string(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  restart: z.string().optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.tuple([z.literal("CMD")], z.string()) }).optional(),
})
export type Service = z.infer<typeof serviceSchema>

/**
 * The services of docker-compose.yml, with its variables filled in as `docker compose` does.
 * @param addresses what stands in the file for a place in the composition's network, and where that is here
 */
export function readComposition(
  variables: Readonly<Record<string, string>>,
  addresses: Readonly<Record<string, string>>,
): Record<string, Service> {
  const text = readFileSync(join(root, "docker-compose.yml"), "utf8")
  const { services } = z
    .object({ services: z.record(z.string(), serviceSchema) })
    .parse(fill(parse(text, { merge: true }), variables, addresses))
  return services
}

function fill(
  value: unknown,
  variables: Readonly<Record<string, string>>,
  addresses: Readonly<Record<string, string>>,
): unknown {
  if (typeof value === "string") {
    const filled = value.replaceAll(/\$\$|\$\{(\w+)(?::(\?|-)([^}]*))?\}/g, (match, name, kind, fallback) => {
      if (match === "$$") return "$"
      const given = variables[name]
      if (given === undefined && kind !== "-") throw new Error(`docker-compose.yml wants ${name}`)
      return given ?? fallback
    })
    return Object.entries(addresses).reduce((all, [from, to]) => all.replaceAll(from, to), filled)
  }
  if (Array.isArray(value)) return value.map((entry) => fill(entry, variables, addresses))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, fill(entry, variables, addresses)]),
  )
}

export type ServiceProcess = {
  /** Exit code or signal. */
  readonly ended: Promise<number | NodeJS.Signals>
  output(): string
  stop(): Promise<number | NodeJS.Signals>
}

/** Runs a role's command with the service's environment and nothing else, as its container would. */
export function runService(service: Service, ...args: readonly string[]): ServiceProcess {
  return run([join(root, "cli", "main.ts"), ...service.command, ...args], service.environment)
}

/** Runs the service's health check. */
export async function isHealthy(service: Service): Promise<boolean> {
  const [, program, ...args] = service.healthcheck?.test ?? ["CMD"]
  if (program !== "node") throw new Error("a health check that is not a program of node")
  return (await run(args, {}).ended) === 0
}

function run(args: readonly string[], environment: Readonly<Record<string, string>>): ServiceProcess {
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, NODE_ENV: "production", ...environment },
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? code ?? -1)),
  )
  return {
    ended,
    output: () => output,
    stop() {
      child.kill("SIGTERM")
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000)
      return ended.finally(() => clearTimeout(timer))
    },
  }
}
