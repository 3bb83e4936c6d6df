import { type Command, InvalidArgumentError } from "commander"

const dataDirectory = [
  "--data-dir <directory>",
  "the stack to work on, where DATABASE_URL is not set",
  ".chainbridge",
] as const

/** `chainbridge signers …`: who settles, and exchanging a key without stopping. */
export function addSignerCommands(program: Command): void {
  const signers = program.command("signers").description("the keys that settle")
  signers
    .command("list")
    .description("every signer with its chain, its state and what keeps it from working")
    .option(...dataDirectory)
    .addHelpText("after", "\nExample:\n  npm run chainbridge -- signers list")
    .action(async (options) => (await import("./signers.ts")).listSignersCommand(options))
  signers
    .command("retire")
    .description("give a signer nothing new; what it has under way is brought to its end")
    .argument("<address>", "of the signer", parseAddress)
    .option("--chain <id>", "only on this chain", parseChainId)
    .option(...dataDirectory)
    .addHelpText(
      "after",
      `
Its key has to stay with a batcher until \`signers list\` says that it is done.

Example:
  npm run chainbridge -- signers retire 0x70997970c51812dc3a010c7d01b50e0d17dc79c8`,
    )
    .action(async (address: string, options) =>
      (await import("./signers.ts")).retireSignerCommand(address, options),
    )
  signers
    .command("reinstate")
    .description("let a retired signer take batches again")
    .argument("<address>", "of the signer", parseAddress)
    .option("--chain <id>", "only on this chain", parseChainId)
    .option(...dataDirectory)
    .addHelpText(
      "after",
      "\nExample:\n  npm run chainbridge -- signers reinstate 0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    )
    .action(async (address: string, options) =>
      (await import("./signers.ts")).reinstateSignerCommand(address, options),
    )
}

function parseAddress(text: string): string {
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return text
  throw new InvalidArgumentError("Allowed: 0x and 40 hexadecimal digits.")
}

function parseChainId(text: string): bigint {
  if (/^[1-9]\d{0,17}$/.test(text)) return BigInt(text)
  throw new InvalidArgumentError("Allowed: the id of a chain.")
}
