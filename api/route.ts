import type { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { ApiEnv } from "./api-env.ts"
import type { ErrorCode } from "./errors.ts"
import type { Answer } from "./presenters/envelope.ts"
import type { Refusal } from "./refusal.ts"
import type { Caller } from "./registry/api-keys.ts"
import type { Scope } from "./scopes.ts"
import type { Services } from "./services.ts"

type Schema = z.ZodObject | undefined
type OutputOf<S extends Schema> = S extends z.ZodObject ? z.output<S> : Record<never, never>
type CallerOf<Auth> = Auth extends "key" ? Caller : Caller | undefined

type RouteRequest<Params, Query, Body, Who> = {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly caller: Who
  readonly context: Context<ApiEnv>
}

export type Auth = "key" | "optional" | "none"

type RouteDefinition<Params extends Schema, Query extends Schema, Body extends Schema, Who extends Auth> = {
  readonly method: "get" | "post"
  /** Below `/api/v1`, or from the root where `isProbe`; `{name}` is a path parameter. */
  readonly path: string
  readonly isProbe?: boolean
  readonly tag: string
  readonly summary: string
  readonly auth: Who
  /** The key needs one of them. */
  readonly scopes?: readonly Scope[]
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  readonly isBodyOptional?: boolean
  /** Content types of a body that the handler reads itself, piece by piece and in its own time. */
  readonly upload?: readonly string[]
  /** Shape of `data`; null where the answer is a stream. */
  readonly answer: z.ZodType | null
  readonly answerStatus?: 200 | 202
  /** Beyond those that every route shares. */
  readonly refusals: readonly ErrorCode[]
  handle(
    services: Services,
    request: RouteRequest<OutputOf<Params>, OutputOf<Query>, OutputOf<Body>, CallerOf<Who>>,
  ): Promise<Answer | Refusal | Response>
}

/** A route with its schemas, as mounting and the OpenAPI document see it. */
export type Route = Omit<RouteDefinition<Schema, Schema, Schema, Auth>, "handle"> & {
  handle(
    services: Services,
    request: RouteRequest<never, never, never, never>,
  ): Promise<Answer | Refusal | Response>
}

/** One route: what it takes, who may call it, what it answers. The schemas validate the requests and make the OpenAPI document. */
export function defineRoute<
  Params extends Schema = undefined,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
  Who extends Auth = "key",
>(definition: RouteDefinition<Params, Query, Body, Who>): Route {
  return definition as Route
}
