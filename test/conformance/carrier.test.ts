/** One suite over every carrier: flats arrive with their bits. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  atOnce,
  type Carrier,
  createRegion,
  createShmCarrier,
  inlineCarrier,
  type KeyedFlat,
  openRegion,
  type Pieces,
  ready,
  type RegionWriter,
} from '@lockstep/shared';
import fc from 'fast-check';

/** Arguments of Node before a program that imports our sources. */
const source = ['--conditions=source', '--import', 'tsx', '--input-type=module', '-e'];

/** Both ends of a carrier. */
type Pair = (t: TestContext) => { sender: Carrier; receiver: Carrier };

const region = (t: TestContext, slotsPerKey: 1 | 2): RegionWriter => {
  const created = createRegion(slotsPerKey)!;
  t.after(() => created.close());
  return created;
};

/** Without pauses. */
const put = (writer: RegionWriter, ...args: Parameters<RegionWriter['put']>) => atOnce(writer.put(...args));

const pairs: Record<string, Pair> = {
  inline: () => ({ sender: inlineCarrier, receiver: inlineCarrier }),
  shm: (t) => {
    const [left, right] = [region(t, 2), region(t, 1)];
    const [toLeft, toRight] = [openRegion(left.offer)!, openRegion(right.offer)!];
    t.after(() => [toLeft, toRight].forEach((reader) => reader.close()));
    return { sender: createShmCarrier(left, toRight), receiver: createShmCarrier(right, toLeft) };
  },
};

const keyed = (key: string, flat: Float32Array): KeyedFlat => ({ key, version: 1, live: flat, snapshot: () => ready(flat) });
/** As they may arrive: in pieces, cut anywhere. */
const inPieces = (frames: readonly Uint8Array[]): Pieces[] =>
  frames.map((frame) => [frame.subarray(0, frame.length / 3), frame.subarray(frame.length / 3)]);
const bitsOf = (flat: Float32Array): number[] => [...new Uint32Array(flat.buffer, flat.byteOffset, flat.length)];

for (const [name, pair] of Object.entries(pairs)) {
  describe(`carrier ${name}`, () => {
    test('carries every bit: denormals, infinities, NaN payloads, empty flats', (t) => {
      const { sender, receiver } = pair(t);
      let count = 0;
      fc.assert(
        fc.property(fc.array(fc.uint32Array({ maxLength: 50 }), { maxLength: 5 }), (words) => {
          const flats = words.map((flat) => keyed(`k${(count += 1)}`, new Float32Array(flat.buffer, flat.byteOffset, flat.length)));
          const { payload, frames } = atOnce(sender.pack(flats));
          for (const allocate of [undefined, (length: number) => new Float32Array(length)]) {
            const arrived = atOnce(receiver.unpack(payload, inPieces(frames), allocate));
            assert.ok(arrived !== undefined && arrived !== 'damaged');
            assert.deepEqual(
              arrived.map(bitsOf),
              flats.map(({ live }) => bitsOf(live)),
            );
          }
        }),
      );
    });

    test('refuses a payload whose tensors are missing', (t) => {
      const { sender, receiver } = pair(t);
      const { payload, frames } = atOnce(sender.pack([keyed('a', new Float32Array(8))]));
      const wrong =
        payload.carrier === 'inline' ? { ...payload, lengths: [9] } : { ...payload, slots: [{ ...payload.slots[0]!, length: 1e7 }] };
      assert.equal(atOnce(receiver.unpack(wrong, inPieces(frames))), undefined);
    });
  });
}

test('carrier inline notices any bit that changes on the way', () => {
  fc.assert(
    fc.property(fc.uint32Array({ minLength: 1, maxLength: 50 }), fc.nat(), (words, at) => {
      const { payload, frames } = atOnce(inlineCarrier.pack([keyed('a', new Float32Array(8)), keyed('b', new Float32Array(words.buffer))]));
      const [, sent] = frames;
      const received = Buffer.from(sent!);
      const bit = at % (received.length * 8);
      received[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(atOnce(inlineCarrier.unpack(payload, inPieces([frames[0]!, received]))), 'damaged');
    }),
  );
});

describe('shared memory', () => {
  test('weights stay readable while the next version is written, and no longer', (t) => {
    const writer = region(t, 2);
    const reader = openRegion(writer.offer)!;
    const flats = [1, 2, 3].map((value) => new Float32Array(1000).fill(value));
    const [first, second] = flats.slice(0, 2).map((flat, version) => ({ ...put(writer, 'w', version, flat)! }));
    assert.deepEqual(reader.take(first!, 1000), flats[0]);
    assert.deepEqual(reader.take(second!, 1000), flats[1]);
    put(writer, 'w', 2, flats[2]!);
    assert.equal(reader.take(first!, 1000), undefined);
    assert.deepEqual(reader.take(second!, 1000), flats[1]);
    reader.close();
  });

  test('flats of any length take turns under one key, in the memory of the longest', (t) => {
    const writer = region(t, 1);
    const reader = openRegion(writer.offer)!;
    const offsets = [1000, 5000, 10, 5000, 1000].map((length, version) => {
      const reference = { ...put(writer, 'k', version, new Float32Array(length).fill(version))! };
      assert.deepEqual(reader.take(reference, length), new Float32Array(length).fill(version));
      return reference.offset;
    });
    assert.equal(new Set(offsets.slice(1)).size, 1);
    reader.close();
  });

  test('a key with room for the longest keeps its place from the start', (t) => {
    const writer = region(t, 1);
    const offsets = [1000, 20_000, 10].map((length, version) => put(writer, 'k', version, new Float32Array(length), 20_000)!.offset);
    assert.equal(new Set(offsets).size, 1);
  });

  test('one version for many workers is written once', (t) => {
    const writer = region(t, 2);
    const flat = new Float32Array(10);
    assert.deepEqual({ ...put(writer, 'w', 1, flat) }, { ...put(writer, 'w', 1, flat) });
    assert.notDeepEqual({ ...put(writer, 'w', 1, flat) }, { ...put(writer, 'w', 2, flat) });
  });

  test('a region that is not the one offered, or is not a region, is not opened', (t) => {
    const { offer } = region(t, 1);
    assert.equal(openRegion({ ...offer, token: '0'.repeat(32) }), undefined);
    assert.equal(openRegion({ ...offer, descriptor: 99_999 }), undefined);
    assert.equal(openRegion({ ...offer, pid: 2 ** 30 }), undefined);
    // Standard input of this test: a device or a pipe, which must not even be opened.
    assert.equal(openRegion({ ...offer, descriptor: 0 }), undefined);
  });

  test('a file that could be truncated under its reader is not opened', (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'lockstep-'));
    const descriptor = openSync(join(directory, 'file'), 'w+');
    t.after(() => {
      closeSync(descriptor);
      rmSync(directory, { recursive: true });
    });
    const { offer } = region(t, 1);
    writeSync(descriptor, offer.token);
    assert.equal(openRegion({ ...offer, descriptor }), undefined);
    assert.throws(() => ftruncateSync(offer.descriptor, 1), { code: 'EPERM' });
  });

  test('a flat stays readable when the peer and its reader are gone, and is freed when nobody reads it', { timeout: 30_000 }, async (t) => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const mappings = (): number => readFileSync('/proc/self/maps', 'utf8').split('memfd:lockstep').length;
    const flat = new Float32Array(100_000).fill(3);
    const lend = (): Float32Array => {
      const writer = createRegion(1)!;
      const reader = openRegion(writer.offer)!;
      const lent = reader.take(put(writer, 'k', 1, flat)!, flat.length)!;
      writer.close();
      reader.close();
      return lent;
    };
    collectGarbage();
    const before = mappings();
    (() => {
      const lent = lend();
      collectGarbage();
      assert.deepEqual(lent, flat);
      assert.ok(mappings() > before);
    })();
    // Memory of earlier tests may be freed, too.
    while (mappings() > before) {
      t.signal.throwIfAborted();
      collectGarbage();
      await setImmediate();
    }
  });

  test('refuses slots that are not where the message says', (t) => {
    const writer = region(t, 1);
    const reader = openRegion(writer.offer)!;
    t.after(() => reader.close());
    const { offset, sequence } = put(writer, 'k', 1, new Float32Array(1000))!;
    for (const [elsewhere, length] of [
      [offset + 1, 10],
      [offset + 64, 10],
      [offset, 1e6],
      [2 ** 52, 1],
      [0, 2 ** 28],
    ] as const) {
      assert.equal(reader.take({ offset: elsewhere, sequence }, length), undefined);
      assert.equal(
        reader.take({ offset: elsewhere, sequence }, length, () => assert.fail('nothing is allocated')),
        undefined,
      );
    }
  });

  test('a flat for which memory runs out is not written, and the next one may be', () => {
    const program = `
      import { atOnce, createRegion, openRegion } from '@lockstep/shared';
      const writer = createRegion(1);
      const reader = openRegion(writer.offer);
      const put = (key, version, length) => {
        const slot = atOnce(writer.put(key, version, new Float32Array(length).fill(length)));
        return slot && reader.take(slot, length)[length - 1];
      };
      console.log([put('a', 1, 100), put('b', 1, 1e6), put('b', 1, 1e6), put('a', 2, 99)].join());`;
    // The limit on file sizes applies to files in memory too, and needs no special rights.
    const output = execFileSync('bash', ['-c', 'ulimit -f 256; exec "$0" "$@"', process.execPath, ...source, program], {
      encoding: 'utf8',
    });
    assert.equal(output.trim(), '100,,,99');
  });

  test('there is no shared memory if koffi has no binary', () => {
    const program = `
      import Module from 'node:module';
      import { createRegion } from '@lockstep/shared';
      const load = Module._load;
      Module._load = (name, ...others) => {
        if (name === 'koffi') throw new Error('Cannot find the native Koffi module');
        return load(name, ...others);
      };
      console.log(String(createRegion(1)));`;
    assert.equal(execFileSync(process.execPath, [...source, program], { encoding: 'utf8' }).trim(), 'undefined');
  });

  test('has no name in /dev/shm from the start, so that nothing can be left behind', (t) => {
    const before = readdirSync('/dev/shm');
    put(region(t, 1), 'k', 1, new Float32Array(1000));
    assert.deepEqual(readdirSync('/dev/shm'), before);
  });

  test('can be read from another process', (t) => {
    const writer = region(t, 1);
    const reference = put(writer, 'k', 1, new Float32Array([1.5, -2]))!;
    const program = `import { openRegion } from '@lockstep/shared'; console.log([...openRegion(JSON.parse(process.argv[1])).take(JSON.parse(process.argv[2]), 2)].join());`;
    const slot = JSON.stringify({ offset: reference.offset, sequence: reference.sequence });
    const output = execFileSync(process.execPath, [...source, program, JSON.stringify(writer.offer), slot], { encoding: 'utf8' });
    assert.equal(output.trim(), '1.5,-2');
  });
});
