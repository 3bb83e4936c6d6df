import { spawnSync } from "node:child_process"
import { type Browser, chromium } from "playwright-core"

const programs = ["chromium", "chromium-browser", "google-chrome"]

/** The program that there is, or undefined. REQUIRE_SERVICES=1 lets nobody do without. */
const program = programs.find((name) => spawnSync(name, ["--version"]).status === 0)
export const hasBrowser = program !== undefined

/** A real Chromium without a window, in an empty profile. */
export function startBrowser(): Promise<Browser> {
  const path = spawnSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).stdout.trim()
  // Tests may run as root, which its sandbox refuses.
  return chromium.launch({ executablePath: path, args: ["--no-sandbox", "--disable-gpu"] })
}
