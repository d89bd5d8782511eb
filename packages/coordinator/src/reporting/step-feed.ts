/**
 * The figures of a run's steps for one reader in the same program. If the reader is slow, the newest are kept and older ones are dropped.
 *
 * Nothing waits for the reader, so it cannot hold up the training, and what is kept for it is bounded. All figures are in losses.jsonl.
 */
export interface StepFeed<T> extends AsyncIterable<T> {
  push(figures: T): void;
}

export const maximumWaiting = 1024;

/** The feed ends as `ended` does: after the steps still waiting, it returns or throws. */
export function createStepFeed<T>(ended: Promise<unknown>): StepFeed<T> {
  const waiting: T[] = [];
  let wake = (): void => {};
  let isOver = false;
  const over = (): void => {
    isOver = true;
    wake();
  };
  ended.then(over, over);

  async function* read(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next;
      if (isOver) return void (await ended);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  const reader = read();
  return {
    push(figures) {
      if (waiting.length === maximumWaiting) waiting.shift();
      waiting.push(figures);
      wake();
    },
    [Symbol.asyncIterator]: () => reader,
  };
}
