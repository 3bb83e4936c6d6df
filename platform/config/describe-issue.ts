import type { z } from "zod"

/** What is wrong with a value of the configuration: where it is, what it is, and what is allowed. @param root what was parsed @param whole what it is called where the issue has no path */
export function describeIssue(issue: z.core.$ZodIssue, root: unknown, whole = "the file"): string {
  const path = issue.path.map(String).join(".")
  if (issue.code === "unrecognized_keys") return `${path || whole} has unknown keys: ${issue.keys.join(", ")}`
  return `${path || whole} ${describeValue(issue, root)}`
}

/** The same without the place. */
export function describeValue(issue: z.core.$ZodIssue, root: unknown): string {
  const value = issue.path.reduce<unknown>(
    (current, key) => (current as Record<PropertyKey, unknown> | undefined)?.[key],
    root,
  )
  const shown = value === undefined ? "is missing" : `is ${JSON.stringify(value)?.slice(0, 80)}`
  return `${shown}; allowed: ${describeAllowed(issue)}`
}

function describeAllowed(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value") return issue.values.map((value) => JSON.stringify(value)).join(", ")
  if (issue.code === "invalid_type")
    return issue.message.startsWith("Invalid input") ? issue.expected : issue.message
  if (issue.code === "too_small") return `at least ${issue.minimum}`
  if (issue.code === "too_big") return `at most ${issue.maximum}`
  return issue.message
}
