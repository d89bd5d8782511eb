import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { decode, encode, maximumHeaderBytes, maximumManifestsBytes } from './codec.ts';
import { cut } from '../transport/pieces.ts';
import { type Message, protocolVersion, type ToCoordinator, toCoordinator, type ToWorker, toWorker } from './messages.ts';

const fence = { runId: 'r', term: 1, peer: 'i', round: 3 };
const payload = { carrier: 'inline', lengths: [2], checksums: [7] } as const;
const hash = 'a'.repeat(64);
const manifest = {
  parameters: [{ name: 'l/kernel', shape: [2, 3], offset: 0, initializer: { kind: 'uniform', min: -1, max: 1 } }],
  length: 6,
  topology: { class_name: 'Sequential' },
};

const examples: { [T in Message['type']]: Extract<Message, { type: T }> } = {
  hello: { type: 'hello', peer: 'i', name: 'w', host: 'h', pid: 1, backend: 'wasm', device: 'cpu' },
  ready: { type: 'ready', ...fence, manifests: { g: manifest as never }, fingerprint: hash, carrier: 'shm' },
  result: {
    type: 'result',
    ...fence,
    workId: 1,
    task: 'gradient',
    nodes: [{ level: 1, index: 0 }],
    outcomes: [{ shard: 0, loss: Number.NaN, metrics: { a: Infinity } }],
    computeSeconds: 0.1,
    payload: { ...payload, lengths: [2] },
  },
  need: { type: 'need', ...fence, workId: 1, networks: ['g'] },
  leave: { type: 'leave', ...fence, code: 'stopped', reason: 'x' },
  welcome: {
    type: 'welcome',
    ...fence,
    run: { recipe: { name: 'gan', hash }, seed: 2 ** 53 - 1, batchSize: 8, shardCount: 4, execution: 'graph' },
  },
  refuse: { type: 'refuse', ...fence, code: 'refused', reason: 'x' },
  work: {
    type: 'work',
    ...fence,
    workId: 1,
    task: 'gradient',
    phase: 0,
    shards: [0, 1],
    pictures: 0,
    versions: { g: 1 },
    sends: ['g'],
    sampleBytes: 3,
    payload: { ...payload, lengths: [2] },
  },
  bye: { type: 'bye', ...fence, ended: true, reason: 'x' },
};
const schemaOf = (type: Message['type']) => (type in { hello: 1, ready: 1, result: 1, need: 1, leave: 1 } ? toCoordinator : toWorker);
const decodeAny = (type: Message['type'], frames: readonly Uint8Array[]) =>
  decode<ToCoordinator | ToWorker>(schemaOf(type) as never, frames);
const packr = new Packr({ useRecords: false });

describe('codec', () => {
  for (const [type, message] of Object.entries(examples) as [Message['type'], Message][]) {
    test(`${type} survives encoding and decoding, with its frames`, () => {
      const frame = new Uint8Array([1, 2, 3]);
      const decoded = decodeAny(type, encode(message, [frame]));
      assert.deepEqual(decoded, { ok: true, message, frames: [[frame]] });
    });

    test(`${type} with a field of another type is refused by field`, () => {
      for (const field of Object.keys(message).filter((key) => key !== 'type')) {
        const broken = decodeAny(type, encode({ ...message, [field]: { no: Symbol.iterator.toString() } }));
        assert.equal(broken.ok, false, field);
        assert.match((broken as { reason: string }).reason, new RegExp(field));
      }
    });
  }

  test('HELLO may say where metrics are served, as an address and nothing else', () => {
    const hello = (metricsAddress: string) => decode(toCoordinator, encode({ ...examples.hello, metricsAddress }));
    for (const address of ['127.0.0.1:9464', 'host-1.example:1', '[::1]:65535']) assert.ok(hello(address).ok, address);
    for (const address of ['http://a:1', 'a:1/path', 'a', 'a:', ':1', 'a:1 b:2', 'a@b:1', `${'a'.repeat(400)}:1`])
      assert.match((hello(address) as { reason: string }).reason, /metricsAddress/, address);
  });

  test('another protocol version is distinguished from nonsense', () => {
    const other = decode(toWorker, [packr.pack([protocolVersion + 1, { anything: true }])]);
    assert.deepEqual({ ok: other.ok, version: (other as { version?: number }).version }, { ok: false, version: protocolVersion + 1 });
    assert.equal((decode(toWorker, [packr.pack('x')]) as { version?: number }).version, undefined);
  });

  test('refuses no frames, an oversized header and a header that is not msgpack', () => {
    assert.deepEqual(decode(toWorker, []), { ok: false, reason: 'no header frame' });
    assert.match((decode(toWorker, [new Uint8Array(maximumHeaderBytes + 1)]) as { reason: string }).reason, /65537 bytes/);
    assert.match((decode(toWorker, [new Uint8Array([0x92])]) as { reason: string }).reason, /not msgpack/);
  });

  test('does not send a header that the other side would refuse', () => {
    assert.throws(() => encode({ ...examples.bye, reason: 'x'.repeat(maximumHeaderBytes) }), /at most 65536/);
    const text = 'x'.repeat(maximumManifestsBytes);
    assert.throws(() => encode({ ...examples.ready, manifests: { g: { ...manifest, topology: { text } } as never } }), /at most 16777216/);
  });

  test('takes networks of thousands of layers, and the losses of as many shards and metrics as there may be', () => {
    const layers = Array.from({ length: 2000 }, (_, index) => ({ class_name: 'Dense', config: { name: `layer-${index}`, units: 8 } }));
    const ready = { ...examples.ready, manifests: { g: { ...manifest, topology: { layers } } as never } };
    assert.deepEqual(decode(toCoordinator, cut(encode(ready))), { ok: true, message: ready, frames: [] });
    const metrics = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [String(index).padStart(128, 'm'), 0.1]));
    const outcomes = Array.from({ length: 1024 }, (_, shard) => ({ shard, loss: 0.1, metrics }));
    const result = { ...examples.result, outcomes };
    assert.deepEqual(decode(toCoordinator, cut(encode(result))), { ok: true, message: result, frames: [] });
  });

  test('refuses a long field that is missing, too long or not msgpack', () => {
    const [header] = encode(examples.result);
    const reasonOf = (...frames: Uint8Array[]): string => (decode(toCoordinator, cut([header!, ...frames])) as { reason: string }).reason;
    assert.equal(reasonOf(), 'no frame with outcomes');
    assert.match(reasonOf(new Uint8Array(9 * 1024 * 1024)), /^outcomes of 9437184 bytes$/);
    assert.equal(reasonOf(new Uint8Array([0x92])), 'outcomes that are not msgpack');
  });

  test('never throws, whatever bytes arrive', () => {
    const valid = Object.values(examples).map((message) => encode(message)[0]!);
    const mutated = fc
      .record({
        which: fc.nat(valid.length - 1),
        edits: fc.array(fc.record({ at: fc.nat(2000), to: fc.nat(255) }), { maxLength: 8 }),
        cut: fc.nat(2000),
      })
      .map(({ which, edits, cut }) => {
        const header = Uint8Array.from(valid[which]!);
        for (const { at, to } of edits) header[at % header.length] = to;
        return cut < header.length ? header.subarray(0, cut) : header;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (header) => {
        for (const schema of [toCoordinator, toWorker]) assert.equal(typeof decode(schema as never, [header, header]).ok, 'boolean');
      }),
      { numRuns: 2000 },
    );
  });
});
