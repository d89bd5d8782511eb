/**
 * What `npm run native` built works. Skipped by name if it was not run; a failure if LOCKSTEP_REQUIRE_NATIVE=1 demands it (CI).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { repository, requireBuild } from './tensorflow.ts';

test('a second npm run native has nothing to do and says so', (context) => {
  if (!requireBuild(context)) return;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['packages/worker/bin/lockstep-native.js'], {
    cwd: repository,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.match(stdout, /^Nothing to do: .* is TensorFlow 2\.21\.0 for @tensorflow\/tfjs-node 4\.22\.0\.\n$/, stderr);
  assert.equal(status, 0);
});

const trainingProgram = `
  import { createRequire } from 'node:module';
  import { readdirSync } from 'node:fs';
  import { useNativeAddon } from './packages/worker/src/backends/native-addon.ts';
  const tasks = () => readdirSync('/proc/self/task').length;
  const addon = useNativeAddon('tensorflow');
  const require = createRequire(process.cwd() + '/packages/worker/package.json');
  require('node:util').isNullOrUndefined = (value) => value === null || value === undefined;
  const before = tasks();
  const tf = require('@tensorflow/tfjs-node');
  const x = tf.randomNormal([256, 512], 0, 1, 'float32', 1);
  const weights = tf.variable(tf.randomNormal([512, 512], 0, 0.05, 'float32', 2));
  const optimizer = tf.train.sgd(1);
  const losses = [1, 2, 3].map(() => optimizer.minimize(() => tf.mean(tf.square(tf.matMul(x, weights))), true).dataSync()[0]);
  const loaded = Object.keys(require.cache).filter((path) => path.endsWith('.node'));
  console.log(JSON.stringify({ addon, version: tf.backend().binding.TF_Version, losses, loaded, threads: tasks() - before }));
`;

interface Training {
  readonly addon: string;
  readonly version: string;
  readonly losses: readonly [number, number, number];
  /** Addons that Node loaded by require. */
  readonly loaded: readonly string[];
  /** Threads that loading and training started. */
  readonly threads: number;
}

function train(intraOpThreads: number): Training {
  const flags = ['--conditions=source', '--import', 'tsx', '--input-type=module', '--eval', trainingProgram];
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', TF_NUM_INTEROP_THREADS: '1', TF_NUM_INTRAOP_THREADS: String(intraOpThreads) };
  const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd: repository, encoding: 'utf8', timeout: 120_000, env });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Training;
}

test('tfjs-node trains on the TensorFlow that was built, and loads no addon of its own', (context) => {
  if (!requireBuild(context)) return;
  const { version, addon, losses, loaded } = train(1);
  assert.equal(version, '2.21.0');
  assert.match(addon, /\/tensorflow\/tfjs_binding\.node$/);
  assert.ok(losses[2] < losses[1] && losses[1] < losses[0], `losses ${losses.join(', ')}`);
  assert.deepEqual(
    loaded.filter((path) => path.includes('node_modules/@tensorflow')),
    [],
  );
});

test('TF_NUM_INTRAOP_THREADS holds it to one thread: three threads are two more', (context) => {
  if (!requireBuild(context)) return;
  assert.equal(train(3).threads - train(1).threads, 2);
});
