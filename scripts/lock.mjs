// `npm run lock`: renews package-lock.json. npm leaves out the packages of other platforms where a registry does not serve
// them, and `npm ci` then refuses the file as incomplete: each gets an entry that says only for whom it would be.
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"

const relock = process.argv.includes("--stubs-only")
  ? { status: 0 }
  : spawnSync("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund"], { stdio: "inherit" })
if (relock.status !== 0) process.exit(relock.status ?? 1)

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"))
const known = Object.keys(lock.packages)
const added = []
for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (isResolvable(path, name)) continue
    const place = path === "" ? `node_modules/${name}` : `${path}/node_modules/${name}`
    const [os, cpu] = platformOf(name)
    lock.packages[place] = { version: range.replace(/^[^\d]*/, ""), os, cpu, optional: true }
    added.push(place)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(`${added.length} entries added for other platforms\n`)

/** Whether Node would find the package from there, walking up. */
function isResolvable(from, name) {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    if (known.includes(base === "" ? `node_modules/${name}` : `${base}/node_modules/${name}`)) return true
    if (base === "") return false
  }
}

function platformOf(name) {
  const words = name.toLowerCase().split(/[-/@_]/)
  const systems = [
    "android",
    "darwin",
    "freebsd",
    "linux",
    "netbsd",
    "openbsd",
    "openharmony",
    "sunos",
    "win32",
    "aix",
    "wasm32",
    "wasi",
  ]
  const processors = [
    "x64",
    "arm64",
    "arm",
    "ia32",
    "ppc64",
    "ppc64le",
    "s390x",
    "riscv64",
    "loong64",
    "mips64el",
    "amd64",
    "wasm32",
  ]
  const os = systems.filter((system) => words.includes(system))
  const cpu = processors
    .filter((processor) => words.includes(processor))
    .map((word) => (word === "amd64" ? "x64" : word))
  return [os.length > 0 ? os : ["none"], cpu.length > 0 ? cpu : ["none"]]
}
