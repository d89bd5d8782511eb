import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BackendName, backendNames, DriverError, type Gpu, LockstepError, type Tf } from '@lockstep/shared';
import type { Backend } from './backend.ts';
import { loadBackend, type Loaders } from './index.ts';

const gpus: Gpu[] = [
  { index: 0, uuid: 'GPU-a', name: 'first' },
  { index: 1, uuid: 'GPU-b', name: 'second' },
];
const missing = (backend: string) => new LockstepError('backend-unavailable', `${backend} is missing`);

/** Loaders that work, except where told otherwise, and record what was tried. */
function loaders(broken: Partial<Record<keyof Loaders, Error>>, visible: Gpu[] = gpus) {
  const tried: string[] = [];
  const loader = (name: BackendName) => async (gpu?: Gpu | number) => {
    const index = typeof gpu === 'object' ? gpu.index : gpu;
    tried.push(index === undefined ? name : `${name} ${index}`);
    if (broken[name] !== undefined) throw broken[name];
    return { name, device: '', tf: {} as Tf, compile: (eager) => eager } satisfies Backend;
  };
  const findGpus = async () => {
    if (broken.findGpus !== undefined) throw broken.findGpus;
    return visible;
  };
  const all = { findGpus, ...Object.fromEntries(backendNames.map((name) => [name, loader(name)])) } as unknown as Loaders;
  return { tried, all };
}

describe('loadBackend auto', () => {
  it('takes the first visible GPU', async () => {
    const { tried, all } = loaders({});
    const { backend, skipped } = await loadBackend('auto', undefined, all);
    assert.deepEqual([backend.name, tried, skipped], ['cuda', ['cuda 0'], []]);
  });

  it('without a GPU takes tensorflow, and says why it did not take cuda', async () => {
    const { tried, all } = loaders({}, []);
    const { backend, skipped } = await loadBackend('auto', undefined, all);
    assert.deepEqual([backend.name, tried], ['tensorflow', ['tensorflow']]);
    assert.equal(skipped[0]?.backend, 'cuda');
    assert.match(skipped[0]?.reason ?? '', /no visible GPU/);
  });

  it('takes wasm when nothing else works, and says why in order', async () => {
    const noDriver = new LockstepError('gpu-unavailable', 'no nvidia-smi');
    const { tried, all } = loaders({ findGpus: noDriver, tensorflow: missing('tensorflow') });
    const { backend, skipped } = await loadBackend('auto', undefined, all);
    assert.deepEqual([backend.name, tried], ['wasm', ['tensorflow', 'wasm']]);
    assert.deepEqual(skipped, [
      { backend: 'cuda', reason: 'no nvidia-smi', level: 'debug' },
      { backend: 'tensorflow', reason: 'tensorflow is missing', level: 'debug' },
    ]);
  });

  it('warns of a driver that is slow, and of no other', async () => {
    for (const [fault, level] of [
      ['slow', 'warn'],
      ['missing', 'debug'],
      ['broken', 'debug'],
    ] as const) {
      const { skipped } = await loadBackend('auto', undefined, loaders({ findGpus: new DriverError(fault, 'no answer') }).all);
      assert.deepEqual(skipped, [{ backend: 'cuda', reason: 'no answer', level }]);
    }
  });

  it('tries tensorflow next when the package for GPUs is missing', async () => {
    const { tried, all } = loaders({ cuda: missing('cuda') });
    assert.equal((await loadBackend('auto', undefined, all)).backend.name, 'tensorflow');
    assert.deepEqual(tried, ['cuda 0', 'tensorflow']);
  });

  it('takes wasm where the TensorFlow for GPUs was loaded and computes on the CPU', async () => {
    const second = new LockstepError('backend-unavailable', 'can hold only one');
    const { tried, all } = loaders({ cuda: new LockstepError('gpu-unavailable', 'computes on the CPU'), tensorflow: second });
    const { backend, skipped } = await loadBackend('auto', undefined, all);
    assert.deepEqual([backend.name, tried], ['wasm', ['cuda 0', 'tensorflow', 'wasm']]);
    assert.deepEqual(
      skipped.map(({ backend: name }) => name),
      ['cuda', 'tensorflow'],
    );
  });

  it('never takes webgpu, not even when nothing else works', async () => {
    const { tried, all } = loaders({ cuda: missing('cuda'), tensorflow: missing('tensorflow'), wasm: missing('wasm') });
    await assert.rejects(loadBackend('auto', undefined, all), /wasm is missing/);
    assert.deepEqual(tried, ['cuda 0', 'tensorflow', 'wasm']);
  });

  it('does not hide a bug in Lockstep', async () => {
    const { all } = loaders({ cuda: new TypeError('defect') });
    await assert.rejects(loadBackend('auto', undefined, all), TypeError);
  });
});

describe('loadBackend with --gpu', () => {
  it('uses that GPU or fails: no other backend is tried', async () => {
    for (const choice of ['auto', 'cuda'] as const) {
      const works = loaders({});
      assert.equal((await loadBackend(choice, '1', works.all)).backend.name, 'cuda');
      const fails = loaders({ cuda: missing('cuda') });
      await assert.rejects(loadBackend(choice, '1', fails.all), /cuda is missing/);
      assert.deepEqual([works.tried, fails.tried], [['cuda 1'], ['cuda 1']]);
    }
  });

  it('is the number of an adapter for webgpu, and asks no NVIDIA driver', async () => {
    const { tried, all } = loaders({ findGpus: new LockstepError('gpu-unavailable', 'no nvidia-smi') });
    assert.equal((await loadBackend('webgpu', '1', all)).backend.name, 'webgpu');
    assert.deepEqual(tried, ['webgpu 1']);
  });

  it('is refused with a backend for the CPU', async () => {
    await assert.rejects(loadBackend('wasm', '0', loaders({}).all), /a GPU was chosen for the CPU backend wasm/);
  });
});

describe('loadBackend by name', () => {
  it('loads that one and nothing else', async () => {
    for (const choice of backendNames) {
      const { tried, all } = loaders({});
      assert.equal((await loadBackend(choice, undefined, all)).backend.name, choice);
      assert.equal(tried.length, 1);
      const broken = loaders({ [choice]: missing(choice) });
      await assert.rejects(loadBackend(choice, undefined, broken.all), new RegExp(`${choice} is missing`));
      assert.equal(broken.tried.length, 1);
    }
  });

  it('cuda without a driver fails as a GPU problem', async () => {
    const { all } = loaders({ findGpus: new LockstepError('gpu-unavailable', 'no nvidia-smi') });
    await assert.rejects(loadBackend('cuda', undefined, all), (error: LockstepError) => error.code === 'gpu-unavailable');
  });
});
