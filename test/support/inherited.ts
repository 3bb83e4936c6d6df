/** What a process that a test starts has of our environment: where programs are, and what is compiled already. */
export const inherited = {
  PATH: process.env["PATH"],
  NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
}
