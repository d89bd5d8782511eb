import assert from 'node:assert/strict';
import { test } from 'node:test';
import { permutation, streams } from '@lockstep/shared';
import fc from 'fast-check';
import { createIdStream } from './stream.ts';

const seeds = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const sizes = fc.integer({ min: 1, max: 60 });

test('each image exactly once per epoch, for any batch size, even one larger than the dataset', () => {
  const property = fc.property(seeds, sizes, fc.integer({ min: 1, max: 200 }), (seed, size, batchSize) => {
    const stream = createIdStream(seed, size);
    const epochs = 5;
    const seen: number[] = [];
    for (let position = 0; position < epochs * size; position += batchSize) seen.push(...stream.idsAt(position, batchSize));
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const ids = seen.slice(epoch * size, (epoch + 1) * size);
      assert.deepEqual(
        ids.toSorted((a, b) => a - b),
        Array.from({ length: size }, (_, id) => id),
      );
    }
  });
  fc.assert(property);
});

test('a position always holds the same id, whatever was read before', () => {
  const asks = fc.array(fc.tuple(fc.nat({ max: 500 }), fc.nat({ max: 150 })), { minLength: 1, maxLength: 12 });
  const property = fc.property(seeds, sizes, asks, (seed, size, asked) => {
    const stream = createIdStream(seed, size);
    for (const [position, count] of asked) {
      assert.deepEqual(stream.idsAt(position, count), createIdStream(seed, size).idsAt(position, count));
    }
  });
  fc.assert(property);
});

test('the stream is one permutation per epoch, and epochs differ', () => {
  const stream = createIdStream(1, 1000);
  assert.deepEqual(stream.idsAt(2000, 1000), permutation(1, streams.permutation, 2, 1000));
  assert.notDeepEqual(stream.idsAt(0, 1000), stream.idsAt(1000, 1000));
  assert.notDeepEqual(stream.idsAt(0, 1000), createIdStream(2, 1000).idsAt(0, 1000));
});

test('ids given out are copies: writing to them changes nothing', () => {
  const stream = createIdStream(1, 10);
  const first = stream.idsAt(0, 10);
  const copy = first.slice();
  first.fill(99);
  assert.deepEqual(stream.idsAt(0, 10), copy);
});

test('far positions work; positions that do not exist are mistakes', () => {
  const far = 2 ** 40;
  const size = 7;
  const epoch = Math.floor(far / size);
  assert.equal(createIdStream(1, size).idsAt(far, 1)[0], permutation(1, streams.permutation, epoch, size)[far % size]);
  assert.throws(() => createIdStream(1, 0), /no stream over 0 images/);
  assert.throws(() => createIdStream(1, 10).idsAt(-1, 1), /no stream position -1/);
  assert.throws(() => createIdStream(1, 10).idsAt(0.5, 1), /no stream position 0.5/);
});
