import { randomBytes } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { verifyWebhook } from "./verify-webhook.ts"

const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`
const secret = newSecret()
const event = {
  id: "7",
  type: "balance.adjusted",
  time: "2030-01-01T00:00:00.000Z",
  data: { user_id: "Jürgen 🎲" },
}
const body = JSON.stringify(event)

/** As the library of Standard Webhooks signs. */
function sign(
  options: { secrets?: string[]; at?: Date; id?: string; body?: string } = {},
): Record<string, string> {
  const { secrets = [secret], at = new Date(), id = "msg_1_7" } = options
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": secrets.map((one) => new Webhook(one).sign(id, at, options.body ?? body)).join(" "),
  }
}
const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1_000)
const refused = { code: "WEBHOOK_NOT_VERIFIED" }

describe("a message that is ours", () => {
  it.each([
    ["an object", sign()],
    ["Headers", new Headers(sign())],
  ])("is verified with the headers as %s", async (_, headers) => {
    expect(await verifyWebhook({ body, headers, secret })).toEqual({ messageId: "msg_1_7", event })
    expect(await verifyWebhook({ body: Buffer.from(body), headers, secret })).toMatchObject({ event })
  })

  it("is verified while a secret is exchanged, by either side first", async () => {
    const newer = newSecret()
    const headers = sign({ secrets: [newer, secret] })
    for (const known of [secret, newer, [newSecret(), secret], [newer, secret]])
      expect(await verifyWebhook({ body, headers, secret: known })).toMatchObject({ event })
    expect(await verifyWebhook({ body, headers: sign(), secret: [newer, secret] })).toMatchObject({ event })
  })

  it("may be as old as the tolerance says", async () => {
    expect(await verifyWebhook({ body, headers: sign({ at: secondsAgo(290) }), secret })).toMatchObject({
      event,
    })
    const headers = sign({ at: secondsAgo(3_000) })
    expect(await verifyWebhook({ body, headers, secret, toleranceSeconds: 3_600 })).toMatchObject({ event })
  })
})

describe("a message that is not", () => {
  it.each<[string, object]>([
    ["by another secret", { headers: sign({ secrets: [newSecret()] }) }],
    ["with another body", { body: body.replace("7", "8") }],
    ["with another id", { headers: { ...sign(), "webhook-id": "msg_1_8" } }],
    [
      "with another time",
      { headers: { ...sign({ at: secondsAgo(10) }), "webhook-timestamp": sign()["webhook-timestamp"] } },
    ],
    ["too old", { headers: sign({ at: secondsAgo(310) }) }],
    ["from the future", { headers: sign({ at: secondsAgo(-310) }) }],
    ["of no time", { headers: { ...sign(), "webhook-timestamp": "soon" } }],
    ["of no time at all", { headers: { ...sign(), "webhook-timestamp": "NaN" } }],
    ["without a signature", { headers: { ...sign(), "webhook-signature": "" } }],
    [
      "with a signature of another version",
      { headers: { ...sign(), "webhook-signature": sign()["webhook-signature"]?.replace("v1,", "v2,") } },
    ],
    [
      "with a signature of another kind",
      { headers: { ...sign(), "webhook-signature": sign()["webhook-signature"]?.replace("v1,", "v1a,") } },
    ],
    [
      "with half a signature",
      { headers: { ...sign(), "webhook-signature": sign()["webhook-signature"]?.slice(0, 20) } },
    ],
    ["with what is no base64", { headers: { ...sign(), "webhook-signature": "v1,??? v1," } }],
    ["without an id", { headers: { ...sign(), "webhook-id": undefined } }],
    ["with a header twice", { headers: { ...sign(), "webhook-id": ["a", "b"] } }],
  ])("%s is refused", async (_, change) => {
    await expect(verifyWebhook({ body, headers: sign(), secret, ...change })).rejects.toMatchObject(refused)
  })

  it("is not compared with a secret that is none", async () => {
    for (const wrong of ["", "whsec_", "whsec_short", "not base64 !", []])
      await expect(verifyWebhook({ body, headers: sign(), secret: wrong })).rejects.toThrow(TypeError)
  })
})
