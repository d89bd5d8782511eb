/**
 * TF.js on the TensorFlow that `npm run native` built, one thread, for tests in this folder.
 *
 * Responsible for: skipping by name where it was not built, and failing instead where LOCKSTEP_REQUIRE_NATIVE=1 demands it (CI).
 * Not responsible for: loading it (packages/worker/src/backends).
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Tf } from '@lockstep/shared';
import { loadTensorflow } from '../../packages/worker/src/backends/tensorflow.ts';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
const store = process.env['LOCKSTEP_NATIVE_DIR'] || `${repository}/.native`;

/** True when the test can go on. */
export function requireBuild(context: TestContext): boolean {
  if (existsSync(`${store}/tensorflow/build.json`)) return true;
  assert.notEqual(
    process.env['LOCKSTEP_REQUIRE_NATIVE'],
    '1',
    'LOCKSTEP_REQUIRE_NATIVE=1 and there is no native addon: run npm run native',
  );
  context.skip('no native addon: run npm run native');
  return false;
}

/** TF.js as the backend loads it, kernels tuned, or undefined after skipping the test. */
export async function loadNative(context: TestContext): Promise<Tf | undefined> {
  return requireBuild(context) ? await loadBuilt() : undefined;
}

/** For programs that a test starts after `requireBuild`. */
export async function loadBuilt(): Promise<Tf> {
  const { tf } = await loadTensorflow();
  return tf;
}
