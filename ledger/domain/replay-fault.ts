/** What makes a log impossible. */
export class ReplayFault extends Error {
  override readonly name = "ReplayFault"
}
