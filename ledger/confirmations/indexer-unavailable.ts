import pg from "pg"

/** The indexer's rows cannot be had at this moment; the same question may be asked again. */
export type IndexerUnavailable = { readonly unavailable: string }

const reasons: Readonly<Record<string, string>> = {
  "42P01": "the indexer has not made its views yet",
  "3F000": "the indexer has not made its schema yet",
  "40P01": "the indexer is exchanging its views",
}

/** Runs a query on the indexer's views. While it starts they are missing, or locked against those who hold one of them. */
export async function whenIndexed<Result>(
  query: () => Promise<Result>,
): Promise<Result | IndexerUnavailable> {
  try {
    return await query()
  } catch (error) {
    const reason = error instanceof pg.DatabaseError ? reasons[error.code ?? ""] : undefined
    if (reason === undefined) throw error
    return { unavailable: reason }
  }
}
