import { spawn } from "node:child_process"
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { expect, test } from "vitest"
import { startAnvil } from "../support/anvil.ts"

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function becomesDead(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 100 && isAlive(pid); attempt += 1) await setTimeout(50)
  return !isAlive(pid)
}

test("anvil answers while it runs and is gone when stopped, also when stopped twice", async () => {
  const anvil = await startAnvil({ args: ["--chain-id", "4242"] })
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] })
  const response = await fetch(anvil.rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  })
  expect(await response.json()).toMatchObject({ result: "0x1092" })
  await anvil.stop()
  await anvil.stop()
  expect(isAlive(anvil.pid)).toBe(false)
})

test("anvil dies with the process that started it, even by kill -9", async () => {
  const helper = new URL("../support/anvil.ts", import.meta.url).href
  const program = `import { startAnvil } from ${JSON.stringify(helper)}
    console.log((await startAnvil()).pid)
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const [line] = await once(parent.stdout, "data")
  const anvilPid = Number(String(line).trim())
  expect(isAlive(anvilPid)).toBe(true)
  parent.kill("SIGKILL")
  expect(await becomesDead(anvilPid)).toBe(true)
})

test("a chain that cannot start says why", async () => {
  await expect(startAnvil({ args: ["--no-such-option"] })).rejects.toThrow(
    /anvil did not start.*no-such-option/s,
  )
})
