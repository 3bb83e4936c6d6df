import { z } from "@hono/zod-openapi"
import type { Route } from "../route.ts"
import { operationId } from "./operation-id.ts"

type Link = {
  readonly operationId: string
  readonly description: string
  readonly parameters: Readonly<Record<string, string>>
}

/** The caller knows it before he asks. */
const callersOwn = new Set(["user_id", "position", "tree_size"])

/** What an answer names, and where one can go on with it: `hold_id` of a hold leads to its own address, its capture and its release. */
export function linksOf(route: Route, all: readonly Route[]): Readonly<Record<string, Link>> {
  if (route.answer === null) return {}
  const places = new Map(findIds(route.answer, "/data"))
  const links: Record<string, Link> = {}
  for (const target of all) {
    const names = [...target.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name)
    const [name] = names
    if (target === route || name === undefined || names.length > 1 || callersOwn.has(name)) continue
    const place = places.get(name)
    if (place === undefined) continue
    links[operationId(target)] = {
      operationId: operationId(target),
      description: target.summary,
      parameters: { [name]: `$response.body#${place}` },
    }
  }
  return links
}

/** Names of ids with their first place in the answer, the nearest last: it counts. */
function findIds(schema: unknown, place: string): [string, string][] {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional)
    return findIds(schema.unwrap(), place)
  if (schema instanceof z.ZodArray) return findIds(schema.element, `${place}/0`)
  if (!(schema instanceof z.ZodObject)) return []
  const entries = Object.entries(schema.shape)
  const below = entries.flatMap(([name, child]) => findIds(child, `${place}/${name}`))
  const own = entries.filter(([name]) => name.endsWith("_id"))
  return [...below.reverse(), ...own.map(([name]): [string, string] => [name, `${place}/${name}`])]
}
