/** One suite over every carrier: flats arrive with their bits, and what belongs to something else is left alone. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import {
  type Carrier,
  createRegion,
  createShmCarrier,
  inlineCarrier,
  type KeyedFlat,
  openRegion,
  type RegionWriter,
} from '@lockstep/shared';
import fc from 'fast-check';

/** Both ends of a carrier. */
type Pair = (t: TestContext) => { sender: Carrier; receiver: Carrier };

const region = (t: TestContext, slotsPerKey: 1 | 2): RegionWriter => {
  const created = createRegion(slotsPerKey)!;
  t.after(() => created.close());
  return created;
};

const pairs: Record<string, Pair> = {
  inline: () => ({ sender: inlineCarrier, receiver: inlineCarrier }),
  shm: (t) => {
    const [left, right] = [region(t, 2), region(t, 1)];
    const [toLeft, toRight] = [openRegion(left.offer)!, openRegion(right.offer)!];
    t.after(() => [toLeft, toRight].forEach((reader) => reader.close()));
    return { sender: createShmCarrier(left, toRight), receiver: createShmCarrier(right, toLeft) };
  },
};

const keyed = (key: string, flat: Float32Array): KeyedFlat => ({ key, version: 1, live: flat, frozen: () => flat });
const bitsOf = (flat: Float32Array): number[] => [...new Uint32Array(flat.buffer, flat.byteOffset, flat.length)];

for (const [name, pair] of Object.entries(pairs)) {
  describe(`carrier ${name}`, () => {
    test('carries every bit: denormals, infinities, NaN payloads, empty flats', (t) => {
      const { sender, receiver } = pair(t);
      let count = 0;
      fc.assert(
        fc.property(fc.array(fc.uint32Array({ maxLength: 50 }), { maxLength: 5 }), (words) => {
          const flats = words.map((flat) => keyed(`k${(count += 1)}`, new Float32Array(flat.buffer, flat.byteOffset, flat.length)));
          const { payload, frames } = sender.pack(flats);
          const other = Buffer.from('samples');
          const received = receiver.unpack(payload, [...frames, other])!;
          assert.deepEqual(
            received.flats.map(bitsOf),
            flats.map(({ live }) => bitsOf(live)),
          );
          assert.deepEqual(received.rest, [other]);
        }),
      );
    });

    test('refuses a payload whose tensors are not there', (t) => {
      const { sender, receiver } = pair(t);
      const { payload, frames } = sender.pack([keyed('a', new Float32Array(8))]);
      const wrong =
        payload.carrier === 'inline' ? { ...payload, lengths: [9] } : { ...payload, slots: [{ ...payload.slots[0]!, length: 1e7 }] };
      assert.equal(receiver.unpack(wrong, frames), undefined);
    });
  });
}

describe('shared memory', () => {
  test('the weights before stay readable while the next are written, and not longer', (t) => {
    const writer = region(t, 2);
    const reader = openRegion(writer.offer)!;
    const flats = [1, 2, 3].map((value) => new Float32Array(1000).fill(value));
    const [first, second] = flats.slice(0, 2).map((flat, version) => ({ ...writer.put('w', version, flat)! }));
    assert.deepEqual(reader.take(first!, 1000), flats[0]);
    assert.deepEqual(reader.take(second!, 1000), flats[1]);
    writer.put('w', 2, flats[2]!);
    assert.equal(reader.take(first!, 1000), undefined);
    assert.deepEqual(reader.take(second!, 1000), flats[1]);
    reader.close();
  });

  test('flats of any length take turns under one key, in the memory of the longest', (t) => {
    const writer = region(t, 1);
    const reader = openRegion(writer.offer)!;
    const offsets = [1000, 5000, 10, 5000, 1000].map((length, version) => {
      const reference = { ...writer.put('k', version, new Float32Array(length).fill(version))! };
      assert.deepEqual(reader.take(reference, length), new Float32Array(length).fill(version));
      return reference.offset;
    });
    assert.equal(new Set(offsets.slice(1)).size, 1);
    reader.close();
  });

  test('one version for many workers is written once', (t) => {
    const writer = region(t, 2);
    const flat = new Float32Array(10);
    assert.deepEqual({ ...writer.put('w', 1, flat) }, { ...writer.put('w', 1, flat) });
    assert.notDeepEqual({ ...writer.put('w', 1, flat) }, { ...writer.put('w', 2, flat) });
  });

  test('a region that is not the one offered, or not a region at all, is not opened', (t) => {
    const { offer } = region(t, 1);
    assert.equal(openRegion({ ...offer, token: '0'.repeat(32) }), undefined);
    assert.equal(openRegion({ ...offer, descriptor: 99_999 }), undefined);
    assert.equal(openRegion({ ...offer, pid: 2 ** 30 }), undefined);
    // Standard input of this test: a device or a pipe, which must not even be opened.
    assert.equal(openRegion({ ...offer, descriptor: 0 }), undefined);
  });

  test('has no name in /dev/shm from the start, so that nothing can be left behind', (t) => {
    const before = readdirSync('/dev/shm');
    region(t, 1).put('k', 1, new Float32Array(1000));
    assert.deepEqual(readdirSync('/dev/shm'), before);
  });

  test('is seen from another process', (t) => {
    const writer = region(t, 1);
    const reference = writer.put('k', 1, new Float32Array([1.5, -2]))!;
    const program = `import { openRegion } from '@lockstep/shared'; console.log([...openRegion(JSON.parse(process.argv[1])).take(JSON.parse(process.argv[2]), 2)].join());`;
    const slot = JSON.stringify({ offset: reference.offset, sequence: reference.sequence });
    const output = execFileSync(
      process.execPath,
      ['--conditions=source', '--import', 'tsx', '--input-type=module', '-e', program, JSON.stringify(writer.offer), slot],
      { encoding: 'utf8' },
    );
    assert.equal(output.trim(), '1.5,-2');
  });
});
