import assert from 'node:assert/strict';
import test from 'node:test';
import type { Tf } from '@lockstep/shared';
import { timeKernels } from './kernel-times.ts';

test('a kernel that another one calls counts once, also where it throws', (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const kernels = [
    { kernelName: 'Inner', kernelFunc: () => void (nowMs += 2000) },
    {
      kernelName: 'Outer',
      kernelFunc: () => {
        nowMs += 1000;
        kernels[0]!.kernelFunc();
        kernels[0]!.kernelFunc();
        nowMs += 4000;
      },
    },
    {
      kernelName: 'Throws',
      kernelFunc: () => {
        kernels[1]!.kernelFunc();
        nowMs += 500;
        throw new Error('out of memory');
      },
    },
  ];
  const seconds = timeKernels({ getKernelsForBackend: () => kernels } as unknown as Tf, 'wasm');
  kernels[1]!.kernelFunc();
  assert.deepEqual(seconds, { Inner: 4, Outer: 5 });
  assert.throws(() => kernels[2]!.kernelFunc(), /out of memory/);
  assert.deepEqual(seconds, { Inner: 8, Outer: 10, Throws: 0.5 });
});
