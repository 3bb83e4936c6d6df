import { Hono } from "hono"

// Ponder answers /health, /ready, /status and /metrics itself. This says whose port it is: Ponder takes the next one where its own is taken, and its starter asks.
export default new Hono().get("/instance", (c) => c.text(process.env["CHAINBRIDGE_INDEXER_INSTANCE"] ?? ""))
