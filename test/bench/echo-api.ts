// What no API on this stack can be quicker than: Hono reads the JSON of a request and answers with a text, and nothing else is done. As a process of its own.
import { serve } from "@hono/node-server"
import { Hono } from "hono"

// As long as the answer to one adjustment.
const answer = JSON.stringify({ code: 200, message: "success", data: { text: "x".repeat(700) } })

const app = new Hono()
app.post("*", async (context) => {
  await context.req.json()
  return context.body(answer, 200, { "content-type": "application/json; charset=utf-8" })
})
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0, overrideGlobalObjects: false }, ({ port }) => {
  process.send?.({ details: { url: `http://127.0.0.1:${port}` } })
})
process.on("disconnect", () => process.exit(0))
