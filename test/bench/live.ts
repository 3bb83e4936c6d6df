// `npm run bench:live`: how long an event takes to reach its subscribers, over HTTP, with durable commits.
import { writeFileSync } from "node:fs"
import { type ClientRequest, request } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { createParser } from "eventsource-parser"
import { type ApiProcess, startApiProcess } from "../support/api-process.ts"
import { loadText, startBenchCluster } from "./bench-cluster.ts"

const help = `npm run bench:live -- [options]

  --json FILE     writes {rows:[{subscribers,events,p50_ms,p99_ms,max_ms}]}
  --own N         subscribers that follow one user each (default 1000)
  --all N         subscribers that follow everything (default 20)
  --rate N        changes a second, each a request of its own (default 200)
  --seconds N     for so long (default 20)
  --help          prints this

The time is from the request that changes a balance being sent to its event being read by the subscriber, so that the commit is in it. One API process; the subscribers and
the backend are this program, on the same processors.
`

type Row = {
  subscribers: "one user" | "everything"
  events: number
  p50_ms: number
  p99_ms: number
  max_ms: number
}

await main()

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      json: { type: "string" },
      own: { type: "string", default: "1000" },
      all: { type: "string", default: "20" },
      rate: { type: "string", default: "200" },
      seconds: { type: "string", default: "20" },
      help: { type: "boolean", default: false },
    },
  })
  if (flags.help) {
    process.stdout.write(help)
    return
  }
  const [own, all, rate, seconds] = [flags.own, flags.all, flags.rate, flags.seconds].map(Number) as [
    number,
    number,
    number,
    number,
  ]
  const cluster = await startBenchCluster()
  let api: ApiProcess | undefined
  const connections: ClientRequest[] = []
  try {
    console.log(`${await cluster.describe()}\n`)
    const database = await cluster.createDatabase("live")
    api = await startApiProcess(database.appUrl)
    const apiKey = database.ledgers[0]?.apiKey ?? ""
    const target = { url: api.url, apiKey }
    const users = Array.from({ length: own }, (_, index) => `user-${index}`)
    for (let at = 0; at < users.length; at += 500)
      await adjust(target, `open-${at}`, users.slice(at, at + 500))

    const sentAt = new Map<string, number>()
    const times: Record<Row["subscribers"], number[]> = { "one user": [], everything: [] }
    const subscribe = async (query: string, kind: Row["subscribers"]): Promise<void> => {
      const connection = await follow(target, query, (operationId) => {
        const sent = sentAt.get(operationId)
        if (sent !== undefined) times[kind].push(performance.now() - sent)
      })
      connections.push(connection)
    }
    for (let at = 0; at < own; at += 50)
      await Promise.all(users.slice(at, at + 50).map((user) => subscribe(`?user_id=${user}`, "one user")))
    await Promise.all(Array.from({ length: all }, () => subscribe("", "everything")))
    console.log(`${connections.length} subscribers are connected; ${rate} changes a second for ${seconds} s`)

    const total = rate * seconds
    const answers: Promise<void>[] = []
    const began = performance.now()
    for (let count = 0; count < total; count += 1) {
      const due = began + (count * 1_000) / rate
      if (due > performance.now()) await sleep(due - performance.now())
      const operationId = `live-${count}`
      sentAt.set(operationId, performance.now())
      answers.push(adjust(target, operationId, [users[(count * 7_919) % own] ?? "user-0"]))
    }
    await Promise.all(answers)
    const expected = { "one user": total, everything: total * all }
    const isComplete = () =>
      times.everything.length >= expected.everything && times["one user"].length >= expected["one user"]
    for (let waits = 0; waits < 100 && !isComplete(); waits += 1) await sleep(100)
    const rows = (["one user", "everything"] as const).map((kind) => rowOf(kind, times[kind]))
    for (const row of rows) {
      const missing = expected[row.subscribers] - row.events
      if (missing !== 0)
        throw new Error(`${missing} events did not arrive at those who follow ${row.subscribers}`)
    }
    print(rows)
    console.log(`\n${loadText()}`)
    if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ rows }, null, 2)}\n`)
  } finally {
    for (const connection of connections) connection.destroy()
    api?.kill("SIGKILL")
    await api?.ended
    await cluster.close()
  }
}

type Target = { readonly url: string; readonly apiKey: string }

async function adjust(
  { url, apiKey }: Target,
  operationId: string,
  userIds: readonly string[],
): Promise<void> {
  const response = await fetch(`${url}/api/v1/balance/adjust`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      operation_id: operationId,
      adjustments: userIds.map((user_id) => ({
        ...{ user_id, token_symbol: "CPOP", amount: "+1", reason_type: "reward" },
      })),
    }),
  })
  if (!response.ok) throw new Error(await response.text())
  await response.arrayBuffer()
}

/** Resolves when the stream has begun. @param onChange gets the operation of each balance.adjusted */
function follow(
  { url, apiKey }: Target,
  query: string,
  onChange: (operationId: string) => void,
): Promise<ClientRequest> {
  return new Promise((resolve, reject) => {
    const connection = request(
      `${url}/api/v1/stream${query}`,
      { headers: { authorization: `Bearer ${apiKey}` }, agent: false },
      (response) => {
        if (response.statusCode !== 200)
          reject(new Error(`the stream was answered with ${response.statusCode}`))
        const parser = createParser({
          onEvent({ data, event }) {
            if (event !== "balance.adjusted") return
            onChange((JSON.parse(data) as { data: { operation_id: string } }).data.operation_id)
          },
        })
        response.setEncoding("utf8")
        response.on("data", (text: string) => {
          parser.feed(text)
          resolve(connection)
        })
        response.on("error", () => undefined)
      },
    )
    connection.on("error", reject)
    connection.end()
  })
}

function rowOf(subscribers: Row["subscribers"], times: number[]): Row {
  const sorted = times.sort((a, b) => a - b)
  const at = (part: number) =>
    Math.round((sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN) * 10) / 10
  return { subscribers, events: sorted.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1) }
}

function print(rows: readonly Row[]): void {
  console.log("\n| followed | events received | p50 | p99 | longest |\n| --- | --- | --- | --- | --- |")
  for (const row of rows)
    console.log(
      `| ${row.subscribers} | ${row.events} | ${row.p50_ms} ms | ${row.p99_ms} ms | ${row.max_ms} ms |`,
    )
}
