import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LockstepError, type Tf } from '@lockstep/shared';
import { requireGpu } from './cuda.ts';
import { loadNativePackage, restoreUtilFunctions, whyNotLoaded } from './native-library.ts';

const gpu = { index: 1, uuid: 'GPU-a', name: 'NVIDIA L4' };
const withDevice = (device: object) => ({ backend: () => device }) as unknown as Tf;

describe('loadNativePackage', () => {
  it('fails with a sentence that names the backend, the package, the cause and the cure', async () => {
    await assert.rejects(loadNativePackage('tensorflow', '@lockstep/absent'), (error: unknown) => {
      assert.ok(error instanceof LockstepError);
      assert.equal(error.code, 'backend-unavailable');
      assert.match(
        error.message,
        /^Backend tensorflow: @lockstep\/absent is not installed\. Run 'npm install .+', or choose --backend wasm\.$/,
      );
      return true;
    });
  });

  it('sets threads and determinism before the library can read them', async () => {
    await assert.rejects(loadNativePackage('cuda', '@lockstep/absent', { LOCKSTEP_TEST_EXTRA: 'x' }));
    const { TF_NUM_INTRAOP_THREADS, TF_NUM_INTEROP_THREADS, OMP_NUM_THREADS, TF_DETERMINISTIC_OPS, LOCKSTEP_TEST_EXTRA } = process.env;
    assert.deepEqual(
      [TF_NUM_INTRAOP_THREADS, TF_NUM_INTEROP_THREADS, OMP_NUM_THREADS, TF_DETERMINISTIC_OPS, LOCKSTEP_TEST_EXTRA],
      ['1', '1', '1', '1', 'x'],
    );
  });
});

describe('a second TensorFlow', () => {
  it('is not loaded into the process', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const [first, second] = ['first', 'second'].map((name) => join(folder, `${name}.cjs`)) as [string, string];
    writeFileSync(first, '');
    writeFileSync(second, `require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'loaded'))}, '')`);
    await assert.rejects(loadNativePackage('cuda', first), /first\.cjs does not load \(Backend name 'tensorflow' not found/);
    await assert.rejects(loadNativePackage('tensorflow', second), (error: LockstepError) => {
      assert.equal(error.code, 'backend-unavailable');
      return error.message === `Backend tensorflow: this process has loaded the TensorFlow of ${first}, and can hold only one.`;
    });
    assert.equal(existsSync(join(folder, 'loaded')), false);
  });
});

describe('whyNotLoaded', () => {
  const failure = (message: string, code?: string) => Object.assign(new Error(message), { code });

  it('distinguishes the causes', () => {
    assert.equal(whyNotLoaded('p', failure("Cannot find module 'p'\nRequire stack:", 'MODULE_NOT_FOUND')), 'is not installed');
    assert.match(
      whyNotLoaded('p', failure("Cannot find module 'other'\nRequire stack:", 'MODULE_NOT_FOUND')),
      /does not load \(Cannot find module 'other'\)/,
    );
    assert.match(
      whyNotLoaded('p', failure('The Node.js native addon module (tfjs_binding.node) can not be found at path: x')),
      /no native addon/,
    );
    const missingLibrary = failure('libtensorflow.so.2: cannot open shared object file', 'ERR_DLOPEN_FAILED');
    assert.match(whyNotLoaded('p', missingLibrary), /cannot load \(libtensorflow\.so\.2: cannot open/);
  });
});

describe('restoreUtilFunctions', () => {
  it('restores the functions that Node 23 removed', () => {
    const util: { isNullOrUndefined?: (value: unknown) => boolean; isArray?: (value: unknown) => boolean } = {};
    restoreUtilFunctions(util);
    assert.deepEqual(
      [null, undefined, 0, ''].map((value) => util.isNullOrUndefined!(value)),
      [true, true, false, false],
    );
    assert.deepEqual(
      [[], {}].map((value) => util.isArray!(value)),
      [true, false],
    );
  });
});

describe('requireGpu', () => {
  it('accepts a library that uses the GPU', () => requireGpu(withDevice({ isUsingGpuDevice: true }), gpu));

  it('refuses one that fell back to the CPU', () => {
    for (const device of [{ isUsingGpuDevice: false }, {}]) {
      assert.throws(
        () => requireGpu(withDevice(device), gpu),
        (error: LockstepError) =>
          error.code === 'gpu-unavailable' && /computes on the CPU instead of GPU 1 \(NVIDIA L4\)/.test(error.message),
      );
    }
  });
});
