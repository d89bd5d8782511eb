/** The promise on native TensorFlow, with compiled phases and the real GAN: workers, carriers and compilation change no bit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRun, type Summary } from '../e2e/harness.ts';
import { requireBuild } from './tensorflow.ts';

const common = [
  '--recipe',
  'gan',
  '--backend',
  'tensorflow',
  '--spawn',
  '--batch-size',
  '64',
  '--steps',
  '12',
  '--grid-every',
  '0',
  '--checkpoint-every',
  '0',
];
const variants: Record<string, readonly string[]> = {
  '2 workers through shared memory': ['--workers', '2'],
  '3 workers in messages': ['--workers', '3', '--carrier', 'inline'],
  '4 workers through shared memory': ['--workers', '4'],
  '2 workers, phases op by op': ['--workers', '2', '--execution', 'eager'],
};

test('the same seed gives the same weights on native TensorFlow', async (t) => {
  if (!requireBuild(t)) return;
  const hashes = async (args: readonly string[]): Promise<object> =>
    (await (await startRun(t, { args: [...common, ...args] })).completed()).weightsSha256;
  const alone = await hashes(['--workers', '1', '--carrier', 'inline']);
  for (const [name, args] of Object.entries(variants)) await t.test(name, async () => assert.deepEqual(await hashes(args), alone));
});

test('with XLA, 1 and 2 workers give the same weights, which are not those without it, and a resumed run keeps XLA', async (t) => {
  if (!requireBuild(t)) return;
  const small = ['--backend', 'tensorflow', '--spawn', '--grid-every', '0', '--checkpoint-every', '0'];
  const train = async (...args: string[]): Promise<Summary> => (await startRun(t, { args: [...small, ...args] })).completed();
  const long = ['--steps', '20'];
  const one = await train('--execution', 'xla', '--workers', '1', ...long);
  const run = await startRun(t, { args: [...small, '--execution', 'xla', '--workers', '2', '--steps', '8'] });
  await run.completed();
  const resumed = await startRun(t, { args: ['--resume', '--workers', '2', '--spawn', ...long], directory: run.directory });
  assert.deepEqual((await resumed.completed()).weightsSha256, one.weightsSha256);
  assert.notDeepEqual((await train('--workers', '2', ...long)).weightsSha256, one.weightsSha256);
});

test('dcgan, whose convolutions and batch normalization are compiled: 1, 2 and 3 workers give the same weights and state', async (t) => {
  if (!requireBuild(t)) return;
  const small = ['--recipe', 'dcgan', '--backend', 'tensorflow', '--spawn', '--batch-size', '16', '--steps', '4', '--grid-every', '0'];
  const hashes = async (workers: number): Promise<object> => {
    const { weightsSha256, stateSha256 } = (await (
      await startRun(t, { args: [...small, '--workers', String(workers)] })
    ).completed()) as Summary & { readonly stateSha256: object };
    return { weightsSha256, stateSha256 };
  };
  const alone = await hashes(1);
  for (const workers of [2, 3]) assert.deepEqual(await hashes(workers), alone);
});
