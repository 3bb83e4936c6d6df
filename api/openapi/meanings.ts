/** What a name means wherever a request has it, unless its own schema says more. */
const meanings: Readonly<Record<string, string>> = {
  sequence:
    "Tells apart the writes of one operation, where it has several: together with `operation_id` it is the key. 0 unless named",
  priority: "How urgently the change wants to be on the chain: `high` and `urgent` are settled at once",
  token_symbol: "The symbol of a registered token",
  chain_id:
    "The chain's id, as EIP-155 has it. Where it is left out, a write means the symbol's default token, and a read all of them",
  reason_type: "A registered reason: `GET /reasons` lists them",
  reason_detail: "The reason in free words. Erasable",
  metadata:
    "Whatever else the caller wants to have with the change, under the names that the reason allows. Erasable",
  batch_preference: "When the changes want to be on the chain",
  force_immediate: "`true`: settled without waiting for others",
  reward_batch: "What is given out",
  activity_id: "The caller's name of what the reward is for",
  tier: "The caller's name of the recipient's level",
  consumption: "What is paid for",
  service_id: "The caller's id of what was used",
  status: "Only those in this state",
  format: "How the lines are written",
  types: "Only events of these types, separated by commas",
  hold_id: "As `POST /balance/holds` answered it",
  tx_id: "As the answer that recorded the change named it",
  transaction_id: "The `tx_id` of a change",
  redaction_id: "As `POST /admin/redactions` answered it",
  import_id: "As `POST /imports` answered it",
  batch_id: "As `GET /batches` lists it",
  dead_letter_id: "As `GET /dead-letters` lists it",
  alarm_id: "As `GET /alarms` lists it",
  webhook_id: "As `GET /webhooks` lists it",
  delivery_id: "As the webhook's deliveries list it",
  key_id: "As `GET /admin/keys` lists it",
  person_id: "As `GET /admin/people` lists it",
  position: "Of an event in the log of its ledger: 1, 2, 3 …",
  tree_size: "How many events of the log the tree is over",
  token: "Chain id and symbol or address, such as `31337:CPOP`",
  from_version: "The older one",
  to_version: "The newer one",
  version: "The version to go back to: its document becomes that of a new one",
  reason: "Why: it stays with what is done",
  url: "Where events are posted to",
  from_date: "At or after",
  to_date: "Before",
  actor: "Only what this one did: `key:`, `person:`, `command:` or `database:` and who that is",
  action: "Only actions of this name",
  business_type: "Only changes of this kind",
  name: "For people to recognise it by",
  scopes: "What the key may do",
  roles: "What the person may do, for one app or for all of them",
  role: "docs/permissions.md says what each may do",
  email: "The address that the person signs in with",
  password: "As it was set last",
  current_password: "As it was set last",
  new_password: "What it is to be",
  refresh_token: "Of the last answer that had one: it can be used once",
  code: "What the provider sends along, when it has vouched for somebody",
  state: "As `GET /auth/oidc/start` gave it to the provider",
  rate_limit: "Of the key; null: that of the configuration",
  requests_per_second: "How many may come on average",
  document: "What is to be registered",
  description: "For people",
  is_retired: "`true`: nothing new is recorded with it",
  token_address: "Of the token's contract",
  symbol: "What requests name the token by; unique on its chain",
  features: "What the contract can do, and the way to settle follows from",
  is_default: "Of several tokens with its symbol, the one that is meant by a request without a `chain_id`",
  drift_threshold: "Base units by which ledger and chain may differ before somebody is told",
  reconciliation_interval_ms: "How often ledger and chain are compared",
  allowed_metadata: "The names that changes with this reason may have in `metadata`",
  auto_batch: "`false`: its changes are settled at once",
  confirmation_blocks: "How many blocks have to stand on top of one before what is in it counts as final",
  finality: "`depth`: `confirmation_blocks` decide. `safe`: the chain's safe block does",
  transaction_type: "How transactions are priced. `auto`: as the newest block says",
  explorer_url: "Where people look transactions up",
  block_time_ms: "From one block to the next",
  max_fee_per_gas: "Wei that no transaction offers more than; null: no limit",
  replace_after_ms:
    "A transaction that is in no block after this long is replaced at higher fees; again after twice as long",
  replace_after_max_ms: "The longest that is waited until the next replacement",
  private_relay_alone_ms:
    "Where there is a private relay: how long a transaction goes to it alone; null: always",
  strategy: "`adaptive`: a size for each degree of congestion. `cost`: as large as waiting saves gas",
  optimal_batch_size: "Recipients with which a batch goes",
  max_batch_size: "Recipients that a batch never has more of",
  min_batch_size: "Fewer recipients wait for their time, whatever their sum",
  max_wait_time_ms: "After so long a change goes in a batch of any size",
  value_threshold: "Token units: with this sum of waiting changes, credits and debits alike, a batch goes",
  network_adjustments: "The size for each degree of congestion; null: sizes around the optimal one",
  low_congestion: "Recipients while the chain is quiet",
  medium_congestion: "Recipients while it is neither",
  high_congestion: "Recipients while it is busy",
  gas_price_floor_wei:
    "While the base fee is below it, what waits is sent from `min_batch_size` recipients on; null: never",
  congestion: "When the chain counts as busy or quiet, by its `eth_feeHistory`",
  window_blocks: "The base fee is compared with its average over so many blocks",
  newest_blocks: "The blocks that are compared with it",
  high_base_fee_percent: "Busy from here on: the base fee in percent of its average",
  high_gas_used_percent: "Busy from here on: the gas used in percent of the blocks' limits",
  low_base_fee_percent: "Quiet up to here, if the gas used says so too",
  low_gas_used_percent: "Quiet up to here, if the base fee says so too",
  cost: "For the strategy `cost`",
  wanted_size_min: "From here on a batch goes as soon as waiting saves too little",
  wanted_size_max: "With so many recipients it goes in any case",
  worthwhile_saving_percent: "Gas that waiting has to save",
  dust: "Small credits to users who never held the token on the chain are held; null: they are not",
  threshold: "Token units: smaller ones are held until they make it up",
  max_wait_ms: "And no longer than this",
  priority_reasons: "Changes for these reasons do not wait",
  max_retries: "Failures of one batch after which its lane stops",
  retry_interval_ms: "From a failure to the next attempt; twice as long each time, an hour at most",
  fee_buffer_percent: "Added to the estimated fees of a transaction",
  pending_alarm_ms: "A change that waits so long past its time raises an alarm",
  error_rate: "The lane stops when this much of what it tried has failed",
  window_ms: "Of what is counted",
  threshold_percent: "Failures in percent of what was tried",
  failures_min: "Fewer failures stop nothing",
  efficiency_target: "Percent of the gas of single calls that a batch is expected to save",
  mint: "Of credits",
  burn: "Of debits",
  transfer: "Of moves between users",
}

type Schema = {
  description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
}
type Parameter = { readonly name: string; description?: string; readonly schema?: Schema }
type Operation = {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}

/** Every field and parameter of every request says what it means. @throws TypeError where one does not */
export function withMeanings<Document extends object>(document: Document): Document {
  const { paths } = document as { paths?: Record<string, Record<string, Operation>> }
  const describe = (name: string, what: { description?: string }, where: string): void => {
    const meaning = what.description ?? meanings[name]
    if (meaning === undefined) throw new TypeError(`${where} says nothing of ${name}`)
    what.description = meaning
  }
  const walk = (schema: Schema, where: string): void => {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      describe(name, property, where)
      walk(property, where)
    }
    const { items, anyOf = [], oneOf = [], allOf = [] } = schema
    for (const each of [...(items === undefined ? [] : [items]), ...anyOf, ...oneOf, ...allOf])
      walk(each, where)
  }
  for (const [path, operations] of Object.entries(paths ?? {}))
    for (const [method, { parameters = [], requestBody }] of Object.entries(operations)) {
      const where = `${method} ${path}`
      for (const parameter of parameters)
        if (parameter.schema?.description === undefined) describe(parameter.name, parameter, where)
      for (const { schema } of Object.values(requestBody?.content ?? {})) walk(schema, where)
    }
  return document
}
