import { createInitialPassword, createPasswords, findPasswordFault } from "../../api/identity/passwords.ts"
import { createPerson } from "../../api/identity/person-store.ts"
import { emailSchema, newPasswordSchema } from "../../api/validation/identity-schemas.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { readPassword } from "../read-password.ts"
import { commandInitiator } from "./command-initiator.ts"
import { withDatabase } from "./open-database.ts"

/** `chainbridge admin create`: the first person, who lets the others in. The password never is an argument, which every user of the machine could read. */
export async function createAdminCommand(options: {
  readonly dataDir: string
  readonly email: string
  readonly name?: string
  readonly generate: boolean
}): Promise<void> {
  const email = emailSchema.safeParse(options.email)
  if (!email.success)
    throw new ChainBridgeError("INVALID_FIELD", `--email: ${email.error.issues[0]?.message ?? ""}`)
  await withDatabase(options.dataDir, async (db) => {
    const passwords = createPasswords()
    const initial = options.generate ? createInitialPassword() : null
    const hash = await passwords.hash(initial ?? (await askForPassword(email.data)))
    const made = await createPerson(
      db,
      {
        email: email.data,
        name: options.name ?? "",
        grants: [{ role: "admin", appId: null }],
        invitation: initial === null ? null : { by: "password", hash },
        passwordHash: initial === null ? hash : null,
      },
      commandInitiator(),
    )
    if ("refused" in made)
      throw new ChainBridgeError(made.refused, `somebody has the e-mail address ${email.data}`)
    process.stderr.write(`made ${email.data} admin for all apps\n`)
    if (initial === null) return
    process.stderr.write("the password is shown this once; the first sign-in exchanges it, within 72 hours\n")
    process.stdout.write(`${initial}\n`)
  })
}

async function askForPassword(email: string): Promise<string> {
  const password = await readPassword("password: ")
  const read = newPasswordSchema.safeParse(password)
  const fault = read.success ? findPasswordFault(password, email) : (read.error.issues[0]?.message ?? "")
  if (fault !== null) throw new ChainBridgeError("INVALID_FIELD", `the password will not do: ${fault}`)
  return password
}
