import { errorCodes } from "../api/errors.ts"
import { errorTexts } from "./error-texts.ts"

const introduction = `# Errors

Written by \`npm run docs\` from \`api/errors.ts\` and \`scripts/error-texts.ts\`; a test provokes every code.

Every refusal comes in the envelope, with the HTTP status as \`code\`:

\`\`\`json
{
  "code": 422,
  "message": "Validation failed",
  "request_id": "req_0b6f6f0c-6f5e-4a0e-9a43-1f4b1f6d5c11",
  "errors": [
    {
      "field": "adjustments[0].amount",
      "code": "INVALID_AMOUNT",
      "message": "write the amount as a decimal string, for example \\"+12.5\\": a JSON number could lose digits"
    }
  ]
}
\`\`\`

\`errors[].code\` is stable: program against it, not against the texts. \`field\` is the path in the body, the name of a parameter or header,
or null for the request as a whole. A request with several faults lists up to fifty of them; the first decides the status.

A refused write has recorded nothing and has not used up its operation id. Only 503 \`LEDGER_UNAVAILABLE\`, 504 and a broken connection leave
the outcome open: the same request with the same operation id then either records the operation or gives the answer that was lost, never
both.`

/** docs/errors.md: every code that an answer can carry. */
export function renderErrors(): string {
  const rows = Object.entries(errorCodes).map(([code, { status }]) => {
    const { when, remedy } = errorTexts[code as keyof typeof errorCodes]
    return `| \`${code}\` | ${status} | ${when} | ${remedy} |`
  })
  const heads = ["| Code | Status | When | What to do |", "| --- | --- | --- | --- |"]
  return `${introduction}\n\n${[...heads, ...rows].join("\n")}\n`
}
