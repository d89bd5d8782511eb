/** The tiny recipe, with what a test does to one process through its environment: the text, and so the hash, is the same for all. */
import type { TestContext } from 'node:test';
import { recipeFile } from '../e2e/scenarios.ts';

/** Each loss takes so much longer. A step of the tiny recipe calls it three times. */
export const pauseVariable = 'TEST_LOSS_PAUSE_MS';
/** In the call of this number the process hangs for ever: its code, not its connection. */
export const hangVariable = 'TEST_HANG_AT_CALL';

const knobs = `let calls = 0;
const wait = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
const clip = (tf, logits) => {
  calls += 1;
  wait(calls === Number(process.env.${hangVariable}) ? Infinity : Number(process.env.${pauseVariable} ?? 0));
  return tf.mean(tf.softplus(logits));
};`;

export function recipeWithKnobs(t: TestContext): Promise<string> {
  return recipeFile(t, (tiny) => tiny.replace(/^const clip = .*;$/m, () => knobs));
}
