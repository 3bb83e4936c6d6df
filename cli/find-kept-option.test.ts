import { Command } from "commander"
import { expect, test } from "vitest"
import { findKeptOption } from "./find-kept-option.ts"

const program = new Command()
program
  .command("start")
  .option("--port <number>")
  .option("--data-dir <directory>")
  .option("--ephemeral")
  .option("--json")
program.command("batches").command("cancel").option("--reason <text>")
const npm = { npm_lifecycle_event: "start" }

test.each([
  [["start", "8080"], { ...npm, npm_config_port: "8080" }, "--port"],
  [["start"], { ...npm, npm_config_ephemeral: "true" }, "--ephemeral"],
  [["start"], { ...npm, npm_config_data_dir: "x" }, "--data-dir"],
  [["batches", "cancel", "1"], { ...npm, npm_config_reason: "x" }, "--reason"],
  [["start", "--port=8080"], { ...npm, npm_config_port: "8080" }, undefined],
  [["start"], { ...npm, npm_config_json: "true", npm_config_reason: "x" }, undefined],
  [["start"], { npm_config_port: "8080" }, undefined],
])("%j with %j", (words, env, kept) => {
  expect(findKeptOption(program, words, env)).toBe(kept)
})
