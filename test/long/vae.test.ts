/**
 * Does `vae` learn? Its loss is the negative of a lower bound on the likelihood of an image, in nats, so it can be asked for a number:
 * independent grey pixels, each at its mean over MNIST, would take 206. In full it is a run with the recipe's own settings; `npm test` trains
 * for a tenth of it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRun } from '../e2e/harness.ts';

const full = process.env['LOCKSTEP_FULL'] === '1';
const epochs = full ? [] : ['--epochs', '1'];
const most = full ? 108 : 155;

interface Figures {
  readonly loss: { readonly autoencoder: number };
  readonly metrics: { readonly reconstruction: number; readonly divergence: number };
}

test(`a digit costs at most ${most} nats at the end, and codes carry information`, async (t) => {
  const run = await startRun(t, { args: ['--recipe', 'vae', '--workers', '2', '--spawn', ...epochs], patienceMs: 60 * 60_000 });
  await run.completed();
  const lines = (await run.losses()) as unknown as Figures[];
  for (const { loss, metrics } of lines) {
    assert.ok(Math.abs(loss.autoencoder - metrics.reconstruction - metrics.divergence) < 1e-2);
    // Never below 0, but for rounding.
    assert.ok(metrics.divergence > -1e-3);
  }
  const last = lines.slice(-100);
  const mean = (value: (line: Figures) => number): number => last.reduce((sum, line) => sum + value(line), 0) / last.length;
  const cost = mean(({ loss }) => loss.autoencoder);
  const divergence = mean(({ metrics }) => metrics.divergence);
  t.diagnostic(`${cost.toFixed(1)} nats, ${divergence.toFixed(1)} of them for the code`);
  assert.ok(cost <= most, `${cost} nats`);
  assert.ok(divergence > 5, `the code carries ${divergence} nats`);
});
