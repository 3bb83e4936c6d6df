import { named, type Prepare } from "./contract-call.ts"

const url = "https://shop.example.com/hooks/chainbridge"

async function newWebhook({ world }: Parameters<Prepare>[0]): Promise<Record<string, string>> {
  return { webhook_id: (await world.data("POST", "/webhooks", { url })).webhook_id }
}

export const webhookCalls: Readonly<Record<string, Prepare>> = {
  "get /webhooks": () => ({}),
  "post /webhooks": () => ({
    body: { url, description: "The shop's orders", types: ["balance.adjusted", "settlement.confirmed"] },
  }),
  "get /webhooks/{webhook_id}": named("webhook_id"),
  "patch /webhooks/{webhook_id}": async (more) => ({
    params: await newWebhook(more),
    body: { description: "The shop's orders, until May", is_enabled: false },
  }),
  "delete /webhooks/{webhook_id}": async (more) => ({ params: await newWebhook(more) }),
  "post /webhooks/{webhook_id}/rotate-secret": async (more) => ({
    params: await newWebhook(more),
    body: { overlap_seconds: 3_600 },
  }),
  "post /webhooks/{webhook_id}/test": async (more) => ({ params: await newWebhook(more) }),
  "post /webhooks/{webhook_id}/replay": async (more) => ({
    params: await newWebhook(more),
    body: { after: "0" },
  }),
  "get /webhooks/{webhook_id}/deliveries": ({ world }) => ({
    params: { webhook_id: world.named["webhook_id"] ?? "" },
    query: { limit: 1 },
  }),
  "get /webhooks/{webhook_id}/deliveries/{delivery_id}": named("webhook_id", "delivery_id"),
  "post /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": async (more) => {
    const { webhook_id = "" } = await newWebhook(more)
    const { delivery_id } = await more.world.data("POST", `/webhooks/${webhook_id}/test`)
    return { params: { webhook_id, delivery_id } }
  },
}
