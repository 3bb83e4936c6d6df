// pgledger with callers in the same process, as `writer` is measured. DATABASE_URL of a database that has it; BENCH_USERS.
import pg from "pg"
import { requireEnvironment } from "../../cli/roles/environment.ts"
import type { LoadOrder } from "./load-order.ts"
import { serveOrders } from "./load-process.ts"
import { measureCallers } from "./measure-callers.ts"
import { drawAdjustments, userName } from "./operations.ts"

const pool = new pg.Pool({ connectionString: requireEnvironment("DATABASE_URL"), max: 8 })
const { rows: accounts } = await pool.query<{ id: string; name: string }>(
  "SELECT id, name FROM pgledger_accounts",
)
const idOf = new Map(accounts.map(({ id, name }) => [name, id]))
let seed = Date.now()

serveOrders((order) => {
  const nextTransfers = transfersOf(order)
  return measureCallers(order, () =>
    Promise.resolve({
      async send() {
        await pool.query({
          name: "transfers",
          text: `SELECT count(*) FROM pgledger_create_transfers(
              ARRAY(SELECT row(f, t, a)::transfer_request FROM unnest($1::text[], $2::text[], $3::numeric[]) AS u(f, t, a)),
              now(), $4::jsonb)`,
          values: nextTransfers(),
        })
      },
      close: () => undefined,
    }),
  )
})

/** From one account to another: a common account to pay from would be a lock for everybody. */
function transfersOf(order: LoadOrder): () => unknown[] {
  seed += 1
  const draw = drawAdjustments(order, seed)
  const others = drawAdjustments({ users: order.users, pick: "uniform" }, -seed)
  const metadata = JSON.stringify({ activity_id: "spring_2026", reward_tier: "gold", reason: "reward" })
  return () => {
    const from: string[] = []
    const to: string[] = []
    const amounts: string[] = []
    while (from.length < order.perRequest) {
      const drawn = draw()
      const user = idOf.get(drawn.userId) ?? ""
      const other = idOf.get(others().userId) ?? ""
      if (user === other) continue
      const isDebit = drawn.amount.startsWith("-")
      from.push(isDebit ? user : other)
      to.push(isDebit ? other : user)
      amounts.push(drawn.amount.slice(1))
    }
    return [from, to, amounts, metadata]
  }
}

if (idOf.get(userName(0)) === undefined) throw new Error("the accounts of the bench are not open")
