import { expect, it } from "vitest"
import { ChainBridgeError } from "./chain-bridge-error.ts"
import { persist } from "./persist.ts"

const bounds = { attemptsMax: Number.POSITIVE_INFINITY, deadlineMs: 200, backoffMs: 1, backoffMaxMs: 2 }
const later = () => new ChainBridgeError("later", { code: "HTTP_503", status: 503, retryAfterMs: 900_000 })

it("gives up at once where it is asked to come back when it is too late, unless it looks earlier", async () => {
  const attempt = () => Promise.reject(later())
  await expect(persist(attempt, bounds)).rejects.toMatchObject({ attempts: 1, retryAfterMs: 900_000 })
  const patient = persist(attempt, { ...bounds, retryAfterMaxMs: 20 })
  await expect(patient).rejects.toMatchObject({ code: "HTTP_503" })
  await patient.catch((error: ChainBridgeError) => expect(error.attempts).toBeGreaterThan(3))
})
