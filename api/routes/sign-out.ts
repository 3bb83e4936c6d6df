import { z } from "@hono/zod-openapi"
import { endSessions } from "../identity/sessions.ts"
import { defineRoute } from "../route.ts"

const answer = z.object({ sessions_ended: z.int() })

export const signOut = defineRoute({
  method: "post",
  path: "/auth/logout",
  tag: "Sign-in",
  summary: "End this session: none of its tokens works any more",
  permission: "account.own",
  answer,
  refusals: [],
  async handle(services, { caller: { person } }) {
    if (person === null) return { data: { sessions_ended: 0 } }
    const { sessionId, initiator } = person
    const ended = await services.db
      .transaction()
      .execute((trx) => endSessions(trx, { sessionId }, "sign_out", initiator))
    services.people.clear()
    return { data: { sessions_ended: ended } }
  },
})

export const signOutEverywhere = defineRoute({
  method: "post",
  path: "/auth/logout-all",
  tag: "Sign-in",
  summary: "End every session of one's own",
  permission: "account.own",
  answer,
  refusals: [],
  async handle(services, { caller: { person } }) {
    if (person === null) return { data: { sessions_ended: 0 } }
    const { personId, initiator } = person
    const ended = await services.db
      .transaction()
      .execute((trx) => endSessions(trx, { personId }, "sign_out_everywhere", initiator))
    services.people.clear()
    return { data: { sessions_ended: ended } }
  },
})
