/** A route that goes. docs/versioning.md has the rules. */
export type Deprecation = {
  /** Days of the calendar, such as 2026-12-15. */
  readonly since: string
  /** The last day on which it answers. */
  readonly sunset: string
  /** Path of what stands in its place, as callers write it. */
  readonly successor: string
}

export function describeDeprecation({ since, sunset, successor }: Deprecation): string {
  return `Deprecated since ${since}, and gone after ${sunset}: use \`${successor}\`.`
}

/** `Deprecation` as RFC 9745 has it, `Sunset` as RFC 8594 has it, and where to go. */
export function deprecationHeaders({ since, sunset, successor }: Deprecation): Record<string, string> {
  return {
    deprecation: `@${Date.parse(`${since}T00:00:00Z`) / 1_000}`,
    sunset: new Date(`${sunset}T23:59:59Z`).toUTCString(),
    link: `<${successor}>; rel="successor-version"`,
  }
}
