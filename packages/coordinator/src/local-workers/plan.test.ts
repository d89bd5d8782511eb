import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LockstepError } from '@lockstep/shared';
import { type LocalWorkerOptions, planLocalWorkers } from './plan.ts';

const gpus = [0, 1].map((index) => ({ index, uuid: `GPU-${index}`, name: 'L4' }));
const options: LocalWorkerOptions = {
  workers: 2,
  backend: 'auto',
  logLevel: 'info',
  metricsHost: '127.0.0.1',
  endpoint: 'ipc:///x',
  recipeFile: undefined,
};

describe('local workers', () => {
  test('each gets a GPU of its own', () => {
    const planned = planLocalWorkers(options, { gpus, cores: [] });
    assert.deepEqual(
      planned.map(({ args, environment }) => [args.slice(-4), environment]),
      ['0', '1'].map((index) => [['--gpu', index, '--backend', 'cuda'], {}]),
    );
  });

  test('without GPUs to assign, no worker takes one by itself', () => {
    for (const { args, environment } of planLocalWorkers(options, { gpus: [], cores: [] })) {
      assert.deepEqual(args.slice(-2), ['--backend', 'auto']);
      assert.deepEqual(environment, { CUDA_VISIBLE_DEVICES: '-1' });
    }
  });

  test('more workers than GPUs are refused', () => {
    assert.throws(
      () => planLocalWorkers({ ...options, workers: 3, backend: 'cuda' }, { gpus, cores: [] }),
      (error: LockstepError) => error.code === 'gpu-unavailable' && /--workers 3 .*Use --workers 2, or --backend wasm/.test(error.message),
    );
  });
});
