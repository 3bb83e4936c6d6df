import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { waitUntil } from "../../../support/wait-until.ts"
import { createWebhookFixture, type WebhookFixture } from "../../../support/webhook-fixture.ts"
import { startWebhookReceiver, type WebhookReceiver } from "../../../support/webhook-receiver.ts"

/** What a name is, by how often it was asked for. */
const names = new Map<string, (asked: number) => readonly string[]>()
const asked = new Map<string, number>()

let fixture: WebhookFixture
let receiver: WebhookReceiver
beforeAll(async () => {
  fixture = await createWebhookFixture({
    async resolve(name) {
      const times = (asked.get(name) ?? 0) + 1
      asked.set(name, times)
      const answer = names.get(name)
      if (answer === undefined) throw new Error(`${name} does not exist`)
      return answer(times)
    },
  })
  receiver = await startWebhookReceiver()
  await fixture.run()
})
beforeEach(async () => {
  receiver.received.length = 0
  await fixture.setPolicy({})
})
afterAll(async () => {
  await fixture?.close()
  await receiver?.close()
})

const refusalOf = async (url: string) => {
  const { status, body } = await fixture.api.call("POST", "/api/v1/webhooks", { url })
  return status === 200 ? "taken" : `${status} ${body.errors?.[0]?.code}`
}
const refused = "422 WEBHOOK_TARGET_REFUSED"

describe("an address is refused where it is registered", () => {
  it.each([
    ...["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0"],
    ...["localhost", "LOCALHOST", "a.localhost", "localhost.", "10.0.0.1", "172.16.9.9", "192.168.0.1"],
    ...[
      "169.254.169.254",
      "100.64.0.1",
      "100.100.100.200",
      "224.0.0.1",
      "255.255.255.255",
      "0.0.0.0",
      "198.18.0.1",
    ],
    ...[
      "[::1]",
      "[::]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[::ffff:a00:1]",
      "[::127.0.0.1]",
      "[fe80::1]",
    ],
    ...[
      "[fc00::1]",
      "[fd00:ec2::254]",
      "[ff02::1]",
      "[64:ff9b::7f00:1]",
      "[64:ff9b:1::1]",
      "[2002:7f00:1::]",
    ],
    ...[
      "[2001::1]",
      "[2001:db8::1]",
      "[fec0::1]",
      "[4000::1]",
      "①②⑦.⓪.⓪.①",
      "127。0。0。1",
      "%31%32%37.0.0.1",
    ],
  ])("https://%s/", async (host) => {
    await fixture.setPolicy({ http: false, targets: [] })
    names.set("localhost", () => ["127.0.0.1"])
    names.set("a.localhost", () => ["127.0.0.1", "::1"])
    names.set("localhost.", () => ["::1"])
    expect(await refusalOf(`https://${host}/`)).toBe(refused)
    expect(await refusalOf(`https://${host}:8443/hook?x=1`)).toBe(refused)
  })

  it.each([
    "http://8.8.8.8/",
    "ftp://8.8.8.8/",
    "file:///etc/passwd",
    "gopher://8.8.8.8/",
    "https://user@8.8.8.8/",
    "https://user:password@8.8.8.8/",
    "https://8.8.8.8/#there",
    "https://",
    "//8.8.8.8/",
    "8.8.8.8",
    "https://8.8.8.8:99999/",
    "https://[fe80::1%25eth0]/",
  ])("%s", async (url) => {
    await fixture.setPolicy({ http: false, targets: [] })
    expect(await refusalOf(url)).toBe(refused)
  })

  it("also when one of several addresses of a name is not public, and does not say which", async () => {
    await fixture.setPolicy({ http: false, targets: [] })
    names.set("mixed.example", () => ["8.8.8.8", "10.0.0.7"])
    const { body } = await fixture.api.call("POST", "/api/v1/webhooks", { url: "https://mixed.example/" })
    expect(body.errors?.[0]).toMatchObject({
      field: "url",
      message: expect.stringContaining("mixed.example leads to an address that is not public"),
    })
    expect(JSON.stringify(body)).not.toMatch(/10\.0\.0\.7|8\.8\.8\.8/)
    names.set("public.example", () => ["8.8.8.8", "2606:4700::1111"])
    expect(await refusalOf("https://public.example/")).toBe("taken")
    expect(await refusalOf("https://8.8.8.8:8443/")).toBe("taken")
  })

  it("and where it is changed", async () => {
    const { webhook_id } = await fixture.make("https://8.8.8.8/", { is_enabled: false })
    await fixture.setPolicy({ http: false, targets: [] })
    const change = (url: string) => fixture.api.call("PATCH", `/api/v1/webhooks/${webhook_id}`, { url })
    expect((await change("https://10.0.0.1/")).body.errors?.[0]?.code).toBe("WEBHOOK_TARGET_REFUSED")
    expect((await change("https://1.1.1.1/")).status).toBe(200)
  })
})

describe("an address is refused when something is to be delivered", () => {
  it("where the name was public at first, and leads inside by then", async () => {
    await fixture.setPolicy({ targets: [] })
    names.set("rebound.example", (times) => (times === 1 ? ["8.8.8.8"] : ["127.0.0.1"]))
    const { webhook_id } = await fixture.make(`http://rebound.example:${receiver.port}/`)
    await fixture.record(1)
    const attempt = await fixture.firstFailure(webhook_id)
    expect(attempt).toMatchObject({ error: "TARGET_REFUSED", response_status: null })
    expect(attempt.excerpt).toContain("rebound.example leads to an address that is not public")
    expect(attempt.excerpt).not.toContain("127.0.0.1")
    expect(receiver.received).toEqual([])
  })

  it("and what was checked is what is connected to: nobody asks again", async () => {
    // Allowed as 127.0.0.1 at the look-up of each attempt, and never what it would be the next time.
    names.set("flicker.example", (times) => (times <= 2 ? ["127.0.0.1"] : ["10.255.255.1"]))
    const { webhook_id } = await fixture.make(`http://flicker.example:${receiver.port}/`)
    await fixture.whenThrough(webhook_id, await fixture.record(1))
    expect(asked.get("flicker.example")).toBe(2)
    expect(receiver.received[0]?.headers.host).toBe(`flicker.example:${receiver.port}`)
    await fixture.record(1)
    expect(await fixture.firstFailure(webhook_id)).toMatchObject({ error: "TARGET_REFUSED" })
  })

  it("where the rules have changed since", async () => {
    const { webhook_id } = await fixture.make(receiver.url)
    await fixture.setPolicy({ targets: [] })
    await fixture.record(1)
    expect(await fixture.firstFailure(webhook_id)).toMatchObject({ error: "TARGET_REFUSED" })
    await fixture.setPolicy({ http: false })
    await fixture.passTime(webhook_id)
    await waitUntil(async () => (await fixture.deliveries(webhook_id))[0].attempts_count === 2, {
      what: "it is tried again",
    })
    expect(receiver.received).toEqual([])
  })

  it("by a redirect, which nobody follows", async () => {
    const inside = await startWebhookReceiver()
    const outside = createServer((_, response) => response.writeHead(308, { location: inside.url }).end())
    await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve))
    const { webhook_id } = await fixture.make(`http://127.0.0.1:${(outside.address() as AddressInfo).port}/`)
    await fixture.record(1)
    expect(await fixture.firstFailure(webhook_id)).toMatchObject({ error: "STATUS", response_status: 308 })
    expect(inside.received).toEqual([])
    outside.closeAllConnections()
    outside.close()
    await inside.close()
  })

  it("and where nobody listens, without telling which address the name has", async () => {
    for (const [name, addresses] of [
      ["one.example", ["127.0.0.1"]],
      ["two.example", ["127.0.0.1", "127.0.0.2"]],
    ] as const) {
      names.set(name, () => addresses)
      const { webhook_id } = await fixture.make(`http://${name}:1/`)
      await fixture.record(1)
      const attempt = await fixture.firstFailure(webhook_id)
      expect(attempt).toMatchObject({ error: "NO_CONNECTION", excerpt: "connect: ECONNREFUSED" })
    }
  })

  it("without a name that exists", async () => {
    const { webhook_id } = await fixture.make("https://nowhere.example/")
    await fixture.record(1)
    expect(await fixture.firstFailure(webhook_id)).toMatchObject({ error: "NAME_NOT_FOUND" })
  })
})
