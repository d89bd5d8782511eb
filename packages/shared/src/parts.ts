/**
 * Long work on flats in parts, so that a process can see to other things between them.
 *
 * Such work is a generator, which yields between its parts. Where it yields depends on lengths alone, and changes no bit. What is short does
 * not yield, and so is done at once wherever it is called.
 */
export type Parts<T> = Generator<undefined, T, undefined>;

/** Elements of a flat that are worked on before anything else gets its turn: a few milliseconds' worth. Whole blocks of the kernels. */
export const partLength = 2 ** 20;

/** `work` on the elements from `start` to `end`, part by part, each beginning at a multiple of `partLength`. */
export function* inParts(length: number, work: (start: number, end: number) => void): Parts<void> {
  for (let start = 0; start < length; start += partLength) {
    if (start > 0) yield;
    work(start, Math.min(length, start + partLength));
  }
}

/** A copy of a flat. */
export function* copyInParts(flat: Float32Array): Parts<Float32Array> {
  const copy = new Float32Array(flat.length);
  yield* inParts(flat.length, (start, end) => copy.set(flat.subarray(start, end), start));
  return copy;
}

/** Work that is done already. */
// oxlint-disable-next-line require-yield
export function* ready<T>(value: T): Parts<T> {
  return value;
}

/** Without pauses. */
export function atOnce<T>(work: Parts<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** Goes as far as the first pause at once, then on whenever `pause` calls back. */
export function withPauses(work: Parts<void>, pause: (goOn: () => void) => void): void {
  const goOn = (): void => {
    if (work.next().done !== true) pause(goOn);
  };
  goOn();
}
