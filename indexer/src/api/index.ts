import { Hono } from "hono"

// Ponder wants an app and answers /health, /ready, /status and /metrics itself: nothing of ours is served here.
export default new Hono()
