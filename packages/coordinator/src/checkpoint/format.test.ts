import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import { executions } from '@lockstep/shared';
import fc from 'fast-check';
import type { Checkpoint, Json } from './checkpoint.ts';
import { decodeCheckpoint, decodeHeader, encodeCheckpoint, headerFileName } from './format.ts';
import { exampleCheckpoint } from './testing.ts';

function decode(files: ReadonlyMap<string, Uint8Array>): Checkpoint {
  return decodeCheckpoint(decodeHeader(files.get(headerFileName)!, `/run/${headerFileName}`), files, '/run');
}

/** deepEqual takes any NaN for equal to any other; flats must keep their exact bits. */
function bitsOf({ networks }: Checkpoint): string[] {
  const hex = (flat: Float32Array): string => Buffer.from(flat.buffer, flat.byteOffset, flat.byteLength).toString('hex');
  return networks.flatMap(({ weights, optimizer }) => [weights, ...Object.values(optimizer.slots)].map(hex));
}

/** fast-check's records may lack a prototype, and deepEqual compares prototypes. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> => fc.record<T>(model, { noNullPrototype: true });
const identifier = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((text) => text !== '__proto__' && text.length <= 128);
const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const flat = (length: number) =>
  fc.uint8Array({ minLength: length * 4, maxLength: length * 4 }).map((bytes) => new Float32Array(bytes.slice().buffer));
// JSON writes -0 as 0. A partial ends up as JSON anyway (losses.jsonl); scalars do not.
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);

const network = fc.integer({ min: 0, max: 20 }).chain((length) =>
  record({
    name: identifier,
    manifest: record({
      parameters: fc.constant([{ name: 'dense/kernel', shape: [length], offset: 0, initializer: { kind: 'constant', value: 0 } as const }]),
      length: fc.constant(length),
      topology: fc.dictionary(identifier, json, { noNullPrototype: true }),
    }),
    version: fc.nat(),
    weights: flat(length),
    optimizer: record({
      kind: identifier,
      slots: fc.dictionary(identifier, flat(length), { maxKeys: 3, noNullPrototype: true }),
      scalars: fc.dictionary(identifier, finite, { maxKeys: 3, noNullPrototype: true }),
    }),
  }),
);
const checkpoints: fc.Arbitrary<Checkpoint> = record({
  lockstepVersion: identifier,
  runId: identifier,
  run: record({
    recipe: record({ name: identifier, hash }),
    seed: fc.maxSafeNat(),
    batchSize: fc.integer({ min: 1 }),
    shardCount: fc.integer({ min: 1 }),
    execution: fc.constantFrom(...executions),
  }),
  cursor: record({
    step: fc.maxSafeNat(),
    phase: fc.integer({ min: 1, max: 9 }),
    repetition: fc.nat(),
    round: fc.nat(),
    samplePosition: fc.nat(),
  }),
  roundsIntoStep: fc.integer({ min: 1 }),
  backend: identifier,
  fingerprint: hash,
  datasetSha256: hash,
  partial: json,
  networks: fc.array(network, { minLength: 1, maxLength: 4 }),
});

describe('the format of a checkpoint', () => {
  test('reads back what was written, bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(checkpoints, async (checkpoint) => {
        const back = decode(await encodeCheckpoint(checkpoint));
        assert.deepEqual(back, checkpoint);
        assert.deepEqual(bitsOf(back), bitsOf(checkpoint));
        assert.deepEqual(
          back.networks.map(({ name }) => name),
          checkpoint.networks.map(({ name }) => name),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('gives plain file names, checkpoint.json last', async () => {
    assert.deepEqual(
      [...(await encodeCheckpoint(exampleCheckpoint(3))).keys()],
      [
        'discriminator.weights.bin',
        'discriminator.adam-m.bin',
        'discriminator.adam-v.bin',
        'generator.weights.bin',
        'generator.adam-m.bin',
        'generator.adam-v.bin',
        'checkpoint.json',
      ],
    );
  });

  test('gives names that every file system keeps apart', async () => {
    const example = exampleCheckpoint(3);
    const networks = ['a', 'A', '../a', 'network-1', 'é'].map((name) => ({ ...example.networks[0]!, name }));
    const names = [...(await encodeCheckpoint({ ...example, networks })).keys()];
    assert.equal(new Set(names.map((name) => name.toLowerCase())).size, 5 * 3 + 1);
    for (const name of names) assert.match(name, /^[A-Za-z0-9][A-Za-z0-9._-]*\.(bin|json)$/);
  });

  test('writes little-endian float32', async () => {
    const example = exampleCheckpoint(0, 0, 2);
    example.networks[1]!.weights.set([1, -2]);
    const bytes = (await encodeCheckpoint(example)).get('generator.weights.bin')!;
    assert.deepEqual([...bytes], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
  });

  test('refuses numbers that JSON cannot hold (except in the partial, where they become null), and slots of another length', async () => {
    const example = exampleCheckpoint(3);
    const [first, second] = example.networks as [(typeof example.networks)[0], (typeof example.networks)[0]];
    const withOptimizer = (optimizer: object): Checkpoint => ({
      ...example,
      networks: [first, { ...second, optimizer: { ...second.optimizer, ...optimizer } }],
    });
    for (const bad of [NaN, Infinity, -Infinity]) {
      await assert.rejects(encodeCheckpoint(withOptimizer({ scalars: { accBeta1: bad } })), /networks\.1\.optimizer\.scalars\.accBeta1/);
      assert.deepEqual(decode(await encodeCheckpoint({ ...example, partial: { loss: [1, bad] } })).partial, { loss: [1, null] });
    }
    await assert.rejects(
      encodeCheckpoint(withOptimizer({ slots: { m: new Float32Array(3) } })),
      /generator's adam-m has 3 elements, its manifest 257/,
    );
    await assert.rejects(encodeCheckpoint({ ...example, roundsIntoStep: 1 }), /1 rounds into the step, but phase 0/);
  });

  test('notices every changed bit and every truncation of checkpoint.json', async () => {
    const files = await encodeCheckpoint(exampleCheckpoint(3, 0, 4));
    const whole = files.get(headerFileName)!;
    const refused = (bytes: Uint8Array): void => {
      assert.throws(
        () => decode(new Map(files).set(headerFileName, bytes)),
        (error) => error instanceof LockstepError && error.code === 'resume-invalid',
      );
    };
    for (let index = 0; index < whole.length; index += 1) {
      const flipped = Uint8Array.from(whole);
      flipped[index]! ^= 1 << (index % 8);
      refused(flipped);
      if (index % 16 === 0) refused(whole.subarray(0, index));
    }
    refused(whole.subarray(0, whole.length - 1));
    refused(Buffer.concat([whole, Buffer.from(' ')]));
  });

  test('names the file and what is wrong with it', async () => {
    const files = await encodeCheckpoint(exampleCheckpoint(3));
    const changed = (name: string, change: (bytes: Buffer) => Uint8Array | undefined): Map<string, Uint8Array> => {
      const copy = new Map(files);
      const bytes = change(Buffer.from(files.get(name)!));
      if (bytes === undefined) copy.delete(name);
      else copy.set(name, bytes);
      return copy;
    };
    const weights = 'generator.weights.bin';
    const json = (change: (text: string) => string) => changed(headerFileName, (bytes) => Buffer.from(change(bytes.toString())));
    const cases: [Map<string, Uint8Array>, RegExp][] = [
      [changed(weights, () => undefined), /\/run\/generator\.weights\.bin is missing/],
      [changed(weights, (bytes) => bytes.subarray(0, 100)), /\/run\/generator\.weights\.bin has 100 bytes instead of 1028/],
      [
        changed(weights, (bytes) => (bytes.writeUint8(bytes[500]! ^ 4, 500), bytes)),
        /\/run\/generator\.weights\.bin does not match its checksum/,
      ],
      [json((text) => text.slice(0, 50)), /\/run\/checkpoint\.json is not valid JSON/],
      [json((text) => text.replace('"seed": 42', '"seed": 43')), /\/run\/checkpoint\.json does not match its own checksum/],
      [
        json((text) => text.replace('"formatVersion": 2', '"formatVersion": 3')),
        /format version 3, written by Lockstep 0\.1\.0; this Lockstep reads versions 1 and 2/,
      ],
      [json(() => '{}'), /has no format version/],
      [json(() => '[]'), /is not a JSON object/],
    ];
    for (const [damaged, sentence] of cases) assert.throws(() => decode(damaged), sentence);
  });
});

test('state is kept, and a header that lacks it for a manifest that has it is refused', async () => {
  const example = exampleCheckpoint(3);
  const parameters = [
    { name: 'norm/moving_mean', shape: [2], offset: 0, initializer: { kind: 'constant', value: 0 } as const, momentum: 0.99 },
  ];
  const [first, ...others] = example.networks;
  const network = { ...first!, manifest: { ...first!.manifest, state: { parameters, length: 2 } } };
  const whole = { ...example, networks: [{ ...network, state: Float32Array.of(1, -2) }, ...others] };
  assert.deepEqual(decode(await encodeCheckpoint(whole)), whole);
  assert.ok((await encodeCheckpoint(whole)).has('discriminator.state.bin'));
  const lacking = await encodeCheckpoint({ ...example, networks: [network, ...others] });
  await assert.rejects(
    async () => decode(lacking),
    (error) => error instanceof LockstepError && error.code === 'resume-invalid' && /the state of discriminator/.test(error.message),
  );
});
