/**
 * Signals do not damage memory while TensorFlow computes (packages/worker/native/signals.cc). Without that guard the program below aborts within
 * seconds on x64: oneDNN's products for processors without AVX-512 run with the stack register in the heap.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requireBuild } from './tensorflow.ts';

test('a flood of signals during products of matrices does no harm', async (t) => {
  if (!requireBuild(t)) return;
  const program = fileURLToPath(new URL('products.ts', import.meta.url));
  // Processors with AVX-512 have other products, so they are asked to do without.
  const environment = { ...process.env, ONEDNN_MAX_CPU_ISA: 'AVX2' };
  const child = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', program], { env: environment });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (text) => (output += String(text)));
  child.stderr.on('data', (text) => (errors += String(text)));
  const ended = once(child, 'close');
  while (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGWINCH');
    // A signal or two per product: if they were sent as fast as possible, the program would only handle signals.
    await setTimeout(1);
  }
  await ended;
  assert.equal(child.exitCode, 0, `${child.signalCode}: ${errors.slice(-500)}`);
  const handled = Number(/^(\d+) signals/.exec(output)?.[1]);
  assert.ok(handled > 50, `only ${handled} signals arrived`);
});
