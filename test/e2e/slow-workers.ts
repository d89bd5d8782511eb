/** What makes one worker compute longer in tests: a loss that pauses in its process alone. `proxy.ts` makes a link slow. */

/** How long the loss of a worker pauses, each time it is computed, in the recipe that `slowLoss` makes. */
export const pauseVariable = 'TEST_LOSS_PAUSE_MS';

/** The tiny recipe with such a pause; its text is the same for all workers, and so is its hash. */
export const slowLoss = (tiny: string): string =>
  tiny.replace(
    'const clip = (tf, logits) => tf',
    `const pause = Number(process.env.${pauseVariable} ?? 0);
const clip = (tf, logits) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause) && tf`,
  );
