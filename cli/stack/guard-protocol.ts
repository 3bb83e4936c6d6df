/** A native program that the guard runs: a real binary, never a wrapper script. */
export type NativeProgram = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly workingDirectory: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Gets the program's stdout and stderr, appended. */
  readonly logFile: string
  /** Whom to run as; absent: as ourselves. */
  readonly identity?: { readonly uid: number; readonly gid: number }
  /** SIGINT is sent first, SIGKILL after this long. */
  readonly stopTimeoutMs: number
}

export type GuardRequest =
  | { readonly kind: "run"; readonly program: NativeProgram }
  | { readonly kind: "stop"; readonly name: string }
  | { readonly kind: "removeAtEnd"; readonly path: string }

export type GuardAnswer =
  | { readonly kind: "ready" }
  | { readonly kind: "started"; readonly name: string; readonly pid: number }
  | { readonly kind: "failed"; readonly name: string; readonly message: string }
  | {
      readonly kind: "exited"
      readonly name: string
      readonly code: number | null
      readonly signal: NodeJS.Signals | null
    }
