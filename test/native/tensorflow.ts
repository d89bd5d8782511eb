/**
 * TF.js on the TensorFlow that `npm run native` built, one thread, for tests in this folder.
 *
 * Responsible for: skipping by name where it was not built, and failing instead where LOCKSTEP_REQUIRE_NATIVE=1 demands it (CI).
 * Not responsible for: how workers load it (packages/worker/src/backends).
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Tf } from '@lockstep/shared';
import { useNativeAddon } from '../../packages/worker/src/backends/native-addon.ts';
import { restoreUtilFunctions } from '../../packages/worker/src/backends/native-library.ts';

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

/** TF.js with the native backend, or undefined after skipping the test. */
export function loadNative(context: TestContext): Tf | undefined {
  return requireBuild(context) ? loadBuilt() : undefined;
}

/** For programs that a test starts after `requireBuild`. */
export function loadBuilt(): Tf {
  const require = createRequire(new URL('../../packages/worker/package.json', import.meta.url));
  Object.assign(process.env, {
    TF_NUM_INTRAOP_THREADS: '1',
    TF_NUM_INTEROP_THREADS: '1',
    TF_CPP_MIN_LOG_LEVEL: '2',
    TF_DETERMINISTIC_OPS: '1',
  });
  restoreUtilFunctions(require('node:util') as Record<string, unknown>);
  useNativeAddon('tensorflow');
  require('@tensorflow/tfjs-node');
  return require('@tensorflow/tfjs') as Tf;
}
