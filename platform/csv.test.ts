import { expect, test } from "vitest"
import { csvLine } from "./csv.ts"

test("quotes what would be read as something else, and alters nothing", () => {
  expect(csvLine(["ann", "1.50", "", "ä"])).toBe("ann,1.50,,ä\r\n")
  expect(csvLine(['say "hi"', "a,b", "two\nlines", "cr\r"])).toBe(
    '"say ""hi""","a,b","two\nlines","cr\r"\r\n',
  )
  // A spreadsheet would compute it; whoever opens the file in one has to import the column as text.
  expect(csvLine(["=1+1", "@x"])).toBe("=1+1,@x\r\n")
})
