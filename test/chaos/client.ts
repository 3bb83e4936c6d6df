import { Command } from "commander"
import { createApiClient } from "../demo/api-client.ts"
import { openJournal } from "../demo/journal.ts"
import { resumeStream } from "../demo/resume-stream.ts"
import { ofRun, readStreamFile } from "../demo/stream-operation.ts"

/** The backend of the chaos test: streams a file until every line has its answer, from wherever its journal ends. */
type Flags = {
  readonly url: string
  readonly run: string
  readonly file: string
  readonly journal: string
  readonly rate: string
}

const patienceMs = 180_000
const concurrency = 16

const flags = new Command("client")
  .requiredOption("--url <url>", "the API")
  .requiredOption("--run <name>", "names users and operations")
  .requiredOption("--file <file>", "the stream")
  .requiredOption("--journal <file>", "what has had an answer")
  .requiredOption("--rate <number>", "operations a second at most")
  .addHelpText("after", "\nThe API key is read from CHAINBRIDGE_API_KEY.")
  .parse()
  .opts<Flags>()

const journal = openJournal(flags.journal)
const replayed = await resumeStream({
  api: createApiClient(flags.url, process.env["CHAINBRIDGE_API_KEY"] ?? "", patienceMs),
  operations: readStreamFile(flags.file).map((operation) => ofRun(flags.run, operation)),
  journal,
  // Few wait for each other, so that a stack that comes back is not run over by what has piled up.
  pace: { concurrency, perSecond: Number(flags.rate), lookAhead: 2 * concurrency },
  onSent: () => undefined,
})
journal.close()
console.log(JSON.stringify({ replayed }))
process.exit(0)
