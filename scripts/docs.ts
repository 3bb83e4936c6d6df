// `npm run docs`: writes the pages that follow from the code. With --check it only says whether they are as the code is.
import { renderErrors } from "./error-page.ts"
import { keepGenerated } from "./keep-generated.ts"
import { renderPermissions } from "./permission-page.ts"

keepGenerated("docs/permissions.md", renderPermissions(), "npm run docs")
keepGenerated("docs/errors.md", renderErrors(), "npm run docs")
