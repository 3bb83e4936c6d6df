const days = "2024-12-15"

/** Whatever differs from run to run becomes something that does not, the same thing everywhere the same: an example that is recorded again is as it was. */
export function createPlainText(): (value: unknown) => unknown {
  const known = new Map<string, string>()
  const plainOf = (kind: string, text: string, make: (count: number) => string): string => {
    const key = `${kind}:${text}`
    let plain = known.get(key)
    if (plain === undefined) {
      plain = make([...known.keys()].filter((one) => one.startsWith(`${kind}:`)).length + 1)
      known.set(key, plain)
    }
    return plain
  }
  const digits = (count: number, length: number): string => String(count).padStart(length, "0")

  function plainText(text: string): string {
    return text
      .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwZXJzb24ifQ.c2lnbmF0dXJl")
      .replace(/\bcb_[\w-]{20,}/g, `cb_${"a1B2c3D4".repeat(5)}abc`)
      .replace(/\breq_[0-9a-f-]{36}/g, "req_0193c5e0-0000-7000-8000-000000000001")
      .replace(/\b(tx|hold|redaction|dead_letter)_[\w-]{28,}/g, (all: string, kind: string) =>
        plainOf(kind, all, (count) => `${kind}_EjRWeBI0VngSNFZ4EjRWeAAAAAAAAt${digits(count, 2)}`),
      )
      .replace(/(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])/g, (all) =>
        plainOf("uuid", all, (count) => `0193c5e0-0000-7000-8000-${digits(count, 12)}`),
      )
      .replace(/\b0x[0-9a-f]{64}\b/g, (all) =>
        plainOf("hash", all, (count) => `0x${digits(count, 4).repeat(16)}`),
      )
      .replace(/\b0x[0-9a-f]{40}\b/g, (all) =>
        plainOf("address", all, (count) => `0x${digits(count, 4).repeat(10)}`),
      )
      .replace(/\bimport_[0-9a-f]{32}\b/g, "import_d41d8cd98f00b204e9800998ecf8427e")
      .replace(/\b[0-9a-f]{64}\b/g, (all) => plainOf("digest", all, (count) => digits(count, 4).repeat(16)))
      .replace(/\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, `${days}T10:30:00.000Z`)
      .replace(/\buser_[0-9a-f]{8}\b/g, "user_456")
  }

  const secrets: Readonly<Record<string, string>> = {
    refresh_token: "qVd0Zy1yZWZyZXNoLXRva2VuLXNob3duLW9uY2U",
    initial_password: "shown-once-Zt7Qm4Kx2Wp9",
    key_prefix: "cb_a1B2c",
    signature: "ab".repeat(64),
    note: "chainbridge/ledger/0193c5e0-0000-7000-8000-000000000001\n12\n…",
  }
  const moving: Readonly<Record<string, number>> = {
    uptime: 86_400,
    sync_lag: 2,
    head_lag: 1,
    lag_seconds: 1,
  }

  return function plain(value: unknown): unknown {
    if (typeof value === "string") return plainText(value)
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, child]: [string, unknown]) => {
        if (typeof child === "string" && name in secrets) return [name, secrets[name]]
        if (typeof child === "number" && name in moving) return [name, moving[name]]
        return [name, plain(child)]
      }),
    )
  }
}
