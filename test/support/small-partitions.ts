import pg from "pg"

/** Replaces the empty partitions of a fresh database by small ones, up to a position. */
export async function makeSmallPartitions(ownerUrl: string, size: number, upto: number): Promise<void> {
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  try {
    const { rows } = await owner.query<{ name: string }>("SELECT name FROM ledger.event_partitions")
    for (const { name } of rows) await owner.query(`DROP TABLE ledger.${name}`)
    await owner.query("DELETE FROM ledger.event_partitions")
    await owner.query("SELECT ledger.ensure_event_partitions($1, $2)", [upto, size])
  } finally {
    await owner.end()
  }
}
