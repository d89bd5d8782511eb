/**
 * Trains one step through a fresh addon, in a process of its own: whatever is wrong with it cannot hurt this one.
 *
 * Responsible for: starting the child, bounding it, and a sentence for each way it can end.
 * Not responsible for: the step itself (`train-one-step.mjs`).
 */
import { fileURLToPath } from 'node:url';
import { Failure } from './failure.mjs';
import { run } from './process.mjs';

const child = fileURLToPath(new URL('train-one-step.mjs', import.meta.url));
const checkMinutes = 5;

/** @returns {Promise<{ tensorflow: string, gpu: boolean }>} */
export async function checkAddon(packageName, addonPath) {
  const outcome = await run(process.execPath, [child, packageName, addonPath], {
    timeoutMs: checkMinutes * 60_000,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', NODE_OPTIONS: '' },
  });
  if (outcome.ok) return JSON.parse(outcome.output.trim().split('\n').at(-1));
  if (outcome.timedOut) throw new Failure(`The built addon did not train one step within ${checkMinutes} minutes; it was not installed.`);
  if (outcome.signal === 'SIGILL')
    throw new Failure(
      "This processor lacks instructions that TensorFlow's wheel needs (AVX); build TensorFlow for it and use --libtensorflow DIR.",
    );
  if (outcome.signal) throw new Failure(`The built addon ended with ${outcome.signal} while training one step; it was not installed.`);
  const lines = outcome.errors.trim().split('\n');
  const reason = lines.find((line) => /^\w*Error: /.test(line)) ?? lines.at(-1) ?? 'no reason given';
  throw new Failure(`The built addon could not train one step, so it was not installed: ${reason.replace(/^\w*Error: /, '').trim()}`);
}
