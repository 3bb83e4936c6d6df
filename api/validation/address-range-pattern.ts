const octet = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
const group = "[0-9A-Fa-f]{1,4}"

/** Groups in full, and with `::` in the place of one or more of them. */
const ipv6 = [
  `(${group}:){7}${group}`,
  `(${group}:){1,7}:`,
  ...[1, 2, 3, 4, 5, 6].map((after) => `(${group}:){1,${7 - after}}(:${group}){1,${after}}`),
  `:((:${group}){1,7}|:)`,
].join("|")

/** An address or a range (CIDR), for the description: which ones there are decides address-list.ts. */
export const addressRangePattern = `^((${octet}\\.){3}${octet}(/(3[0-2]|[12]?\\d))?|(${ipv6})(/(12[0-8]|1[01]\\d|[1-9]?\\d))?)$`
