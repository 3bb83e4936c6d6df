// Runs before every npm script, under whatever Node the machine has: installs what is missing or out of date, and makes
// sure that the Node which runs the script itself (node_modules/.bin/node, or the machine's) can run TypeScript.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const NODE_MIN = [22, 18]
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, "node_modules")
const lockFile = join(root, "package-lock.json")
const installedLock = join(modules, ".package-lock.json")
const stampFile = join(modules, ".chainbridge-installed")

const lockHash = createHash("sha256").update(readFileSync(lockFile)).digest("hex")
if (!isInstalled()) install()
checkNode()

function isInstalled() {
  // npm writes this file last: an installation that was cut short does not have it.
  if (!existsSync(installedLock)) return false
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8").trim() === lockHash) return true
  // Installed by hand: what npm wrote has to be newer than what it was to install.
  if (statSync(installedLock).mtimeMs < statSync(lockFile).mtimeMs) return false
  writeFileSync(stampFile, `${lockHash}\n`)
  return true
}

function install() {
  const why = existsSync(installedLock) ? "package-lock.json has changed" : "first run"
  const began = Date.now()
  process.stderr.write(`installing dependencies (${why}; about a minute) … `)
  const npm = process.env.npm_execpath
  const [command, args] = npm?.endsWith("js") ? [process.execPath, [npm]] : ["npm", []]
  const result = spawnSync(command, [...args, "ci", "--no-audit", "--no-fund", "--no-progress"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  })
  if (result.status !== 0) {
    process.stderr.write("failed\n")
    const said = `${result.stderr ?? ""}${result.stdout ?? ""}`.trim().split("\n").slice(0, 12).join("\n")
    fail(
      `npm ci did not succeed (${result.error?.message ?? `code ${result.status ?? result.signal}`}):\n${said}`,
    )
  }
  writeFileSync(stampFile, `${lockHash}\n`)
  process.stderr.write(`done in ${Math.round((Date.now() - began) / 1000)} s\n`)
}

/** npm puts node_modules/.bin in front of the PATH: the Node there, if there is one, runs the script. */
function checkNode() {
  const own = join(modules, ".bin", "node")
  if (existsSync(own)) {
    const result = spawnSync(own, ["--version"], { encoding: "utf8" })
    if (result.status === 0 && isRecent(result.stdout)) return
  }
  if (isRecent(process.version)) return
  fail(
    `ChainBridge needs Node ${NODE_MIN.join(".")} or newer. npm has no Node 24 for ${process.platform}-${process.arch} that runs here, and this machine's Node is ${process.version}.\nInstall Node 24 from https://nodejs.org and run the same command again.`,
  )
}

function isRecent(version) {
  const [major = 0, minor = 0] = version.trim().replace(/^v/, "").split(".").map(Number)
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
}

function fail(message) {
  process.stderr.write(`chainbridge: ${message}\n`)
  process.exit(1)
}
