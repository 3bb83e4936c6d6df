import { defineConfig } from "vitest/config"

const exclude = ["**/node_modules/**", "**/.chainbridge/**"]

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{platform,ledger,batcher,api,cli,indexer}/**/*.test.ts"],
          exclude,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", "contracts/**/*.test.ts"],
          exclude,
          globalSetup: ["test/support/global-postgres.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
