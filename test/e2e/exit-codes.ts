/** What the tests of exit codes share. */
import type { ErrorCode } from '@lockstep/shared';

/** Codes that a run under way, or a wait for one, produces (some of them earlier too). */
export const lateCodes = [
  'workers-missing',
  'coordinator-unreachable',
  'refused',
  'version-mismatch',
  'recipe-mismatch',
  'numerics-mismatch',
  'diverged',
  'compute-failed',
  'stopped',
  'audit-failed',
] as const satisfies readonly ErrorCode[];

/** Those of them that disturb a run, and are tested together with what becomes of that run in `faults.test.ts` and `audit.test.ts`. */
export const faultCodes = ['refused', 'diverged', 'audit-failed'] as const satisfies readonly (typeof lateCodes)[number][];

/** A recipe that grows by four orders of magnitude per step: its loss overflows float32 after a few steps. */
export const runaway = `export default {
  name: 'runaway', batchSize: 4, epochs: 1, real: { shape: [784], range: [-1, 1] },
  inputs: { z: { shape: [1], distribution: 'uniform' } },
  networks: { line: (tf) => tf.sequential({ layers: [tf.layers.dense({ name: 'weight', inputShape: [1], units: 1, useBias: false })] }) },
  phases: [{ name: 'run', updates: 'line', inputs: ['z'], loss: ({ tf, networks, z }) => ({ loss: tf.neg(tf.mean(tf.square(networks.line(z)))) }) }],
  optimizers: { line: { kind: 'sgd', learningRate: 1e4 } },
  generate: ({ tf, networks, z }) => tf.tile(networks.line(z), [1, 784]),
};`;
