import { defineConfig } from "vitest/config"

const exclude = ["**/node_modules/**", "**/.chainbridge/**"]

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          // Whatever is in no other suite: no test file can fall between two of them.
          include: ["**/*.test.ts"],
          exclude: [...exclude, "test/**", "contracts/**"],
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/**/*.test.ts", "contracts/**/*.test.ts"],
          exclude: [...exclude, "test/e2e/**"],
          globalSetup: ["test/support/global-postgres.ts"],
          testTimeout: 180_000,
          hookTimeout: 240_000,
          // A busy machine is no failure.
          expect: { poll: { timeout: 10_000 } },
          // Many of them wait for blocks, leases and processes that start: four keep two cores busy.
          maxWorkers: 4,
          // What a file imports is evaluated once for each of the four. What a module remembers, files after it see: nothing but counters and parsers of PostgreSQL's types, so far.
          isolate: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          expect: { poll: { timeout: 10_000 } },
          // Most of the time a stack waits for blocks and leases: three of them share the machine well.
          maxWorkers: 3,
        },
      },
    ],
  },
})
