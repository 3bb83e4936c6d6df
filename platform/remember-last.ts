/** Makes what is asked for again and again in a row only once. @param make a pure function */
export function rememberLast<Key extends string | number, Made>(
  make: (key: Key) => Made,
): (key: Key) => Made {
  let last: { readonly key: Key; readonly made: Made } | undefined
  return (key) => {
    if (last?.key !== key) last = { key, made: make(key) }
    return last.made
  }
}
