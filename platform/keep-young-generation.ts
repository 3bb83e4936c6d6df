import { setFlagsFromString } from "node:v8"

/**
 * Lets the space for short-lived objects grow no more, in any thread of the process. V8 doubles it up to 64 MB and never gives it back, to collect less often: for a process that reads
 * much and keeps little, that is memory for nothing. Unlike its maximum, which a heap is made with, the factor is looked at whenever the space would grow.
 */
export function keepYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1")
}
