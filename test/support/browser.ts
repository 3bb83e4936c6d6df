import { existsSync } from "node:fs"

/** Where Debian and Ubuntu put it; REQUIRE_SERVICES=1 lets nobody do without. */
export const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path))
