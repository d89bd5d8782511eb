/** Memories of the kernels: bounded, fixed, and refused in a sentence; and the committed bytes are those of the sources. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { totalmem } from 'node:os';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { LockstepError } from '../errors.ts';
import { sumInto } from '../tensor/sum.ts';
import { compileKernels, createKernels } from './module.ts';
import { drawRows } from './noise.ts';
import { createResidentFlats } from './resident.ts';
import { squaredNorm } from './scratch.ts';

const fails =
  (code: string, pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof LockstepError && error.code === code && pattern.test(error.message);

/** Only touched pages are used, but Linux does not promise a process more than there is. */
const needsAddresses = { skip: totalmem() < 5 * 2 ** 30 && 'needs a machine with 5 GiB of memory' };

test('the committed WebAssembly is what the sources compile to', () => {
  const script = fileURLToPath(new URL('../../../../scripts/kernels.mjs', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('a thousand rounds make no memory and enlarge none: views stay valid', () => {
  const length = 3 * 8192 + 5;
  const resident = createResidentFlats(length, ['weights']);
  const { weights } = resident.flats;
  const { buffer, byteLength } = { buffer: weights.buffer, byteLength: weights.buffer.byteLength };
  const gradients = [new Float32Array(length).fill(1), new Float32Array(length).fill(2)] as const;
  const rows = new Float32Array(3000);
  sumInto(gradients[0], gradients[0], gradients[1]);
  drawRows(rows, 'normal', 1500, { key: [0, 0], counter: [0, 0, 0] });
  const { made, count } = countingMemories(() => {
    for (let round = 0; round < 1000; round += 1) {
      sumInto(gradients[0], gradients[0], gradients[1]);
      assert.ok(squaredNorm(gradients[0]) > 0);
      drawRows(rows, 'normal', 1500, { key: [0, 0], counter: [round, 0, 0] });
      resident.update(gradients[0], (kernels, offset, gradient, elements) =>
        kernels.descend(resident.addresses.weights + offset, gradient, elements, 1, -1),
      );
    }
    return createResidentFlats(1, ['weights']);
  });
  assert.equal(count, 1, 'only the one made on purpose, which shows that memories are counted');
  assert.equal(made.flats.weights.length, 1);
  assert.equal(weights.buffer, buffer);
  assert.equal(buffer.byteLength, byteLength);
  assert.ok(byteLength >= length * 4 && byteLength < length * 4 + 2 * 65_536);
  // 1 + 2, then 5, 7, ...: the sum of what was subtracted.
  assert.equal(weights.at(-1), -(1000 * 3 + (2 * (1000 * 1001)) / 2));
});

/** How many WebAssembly memories `run` makes. */
function countingMemories<T>(run: () => T): { made: T; count: number } {
  const engine = (globalThis as unknown as { WebAssembly: { Memory: new (...args: unknown[]) => object } }).WebAssembly;
  const original = engine.Memory;
  let count = 0;
  engine.Memory = new Proxy(original, {
    construct(target, args) {
      count += 1;
      return new target(...(args as unknown[]));
    },
  });
  try {
    return { made: run(), count };
  } finally {
    engine.Memory = original;
  }
}

test('a memory beyond 4 GiB is refused with what it was for', () => {
  const pattern =
    /^A network of 400000000 parameters with its optimizer \(weights, m, v\) takes 4\.5 GiB, more than the limit of 4 GiB\. Make/;
  assert.throws(() => createResidentFlats(400_000_000, ['weights', 'm', 'v']), fails('recipe-invalid', pattern));
});

test('the largest network that a manifest may have fits, with two slots', needsAddresses, () => {
  const { flats } = createResidentFlats(2 ** 28, ['weights', 'm', 'v']);
  assert.equal(flats.v.length, 2 ** 28);
});

test('kernels reach the last bytes of 4 GiB, where addresses have their top bit set', needsAddresses, () => {
  const { kernels, buffer } = createKernels(2 ** 32, 'A test');
  const [target, source] = [2 ** 32 - 64, 2 ** 31 - 32];
  new Float32Array(buffer, target, 16).fill(1);
  new Float32Array(buffer, source, 16).fill(2);
  kernels.add(target, source, 16);
  assert.deepEqual(
    [...new Float32Array(buffer, target, 16)],
    Array.from({ length: 16 }, () => 3),
  );
});

test('a machine without enough memory is named as the reason', () => {
  v8.setFlagsFromString('--wasm-max-mem-pages=100');
  try {
    assert.throws(
      () => createKernels(101 * 65_536, 'A test'),
      fails('compute-failed', /^A test takes 0\.0 GiB, which this machine does not have \(.+\)\. Free/),
    );
  } finally {
    v8.setFlagsFromString('--wasm-max-mem-pages=65536');
  }
});

test('an engine that rejects the kernels is reported in one sentence', () => {
  assert.throws(() => compileKernels(Uint8Array.of(0, 1, 2)), fails('backend-unavailable', /needs WebAssembly with SIMD/));
});
