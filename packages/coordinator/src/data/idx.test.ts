/** Every way in which an IDX file can be wrong is refused with its name and an offset. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { elementCount, LockstepError } from '@lockstep/shared';
import fc from 'fast-check';
import { gunzipBounded } from './gzip.ts';
import { type DataFile, maximumResidentBytes, openDataFile, residentFile } from './data-file.ts';
import { readIdxHeader } from './idx.ts';

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lockstep-idx-'));
});
after(() => rm(directory, { recursive: true, force: true }));

/** An IDX file whose header may be wrong. */
function idx(shape: readonly number[], data: Uint8Array, magic = 0x0800 | shape.length): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic, 0);
  shape.forEach((dimension, axis) => header.writeUInt32BE(dimension, 4 + 4 * axis));
  return Buffer.concat([header, data]);
}

const images = idx(
  [2, 2, 3],
  Uint8Array.from({ length: 12 }, (_, index) => index * 20),
);

async function headerOf(path: string, dimensions: number): Promise<unknown> {
  return readIdxHeader(await openDataFile(path), dimensions);
}

function contentOf(file: DataFile): Buffer {
  const bytes = Buffer.alloc(file.size);
  file.read(0, bytes);
  return bytes;
}

async function write(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return path;
}

/** The sentence names the file and matches. */
function refused(path: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LockstepError, String(error));
    assert.equal(error.code, 'data-invalid');
    assert.ok(error.message.startsWith(path), error.message);
    assert.match(error.message, pattern);
    return true;
  };
}

test('plain and gzip files give the same data, whatever their names are', async () => {
  for (const [name, bytes] of [
    ['plain.gz', images],
    ['compressed', gzipSync(images)],
  ] as const) {
    const file = await openDataFile(await write(name, bytes));
    const { shape, offset } = readIdxHeader(file, 3);
    assert.deepEqual(shape, [2, 2, 3]);
    assert.deepEqual([...contentOf(file).subarray(offset)], [0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220]);
    assert.deepEqual(contentOf(file), images);
  }
});

const malformed: [what: string, bytes: Buffer, pattern: RegExp][] = [
  ['an empty file', Buffer.alloc(0), /offset 0: the file ends after 0 bytes, inside the magic number; expected a header of 16 bytes/],
  ['a file of three bytes', images.subarray(0, 3), /offset 3: the file ends after 3 bytes, inside the magic number/],
  [
    'another magic number',
    idx([2, 2, 3], new Uint8Array(12), 0x0d03),
    /offset 0: wrong magic number, expected 0x00000803 .* found 0x00000d03/,
  ],
  ['labels in place of images', idx([12], new Uint8Array(12)), /offset 0: wrong magic number, expected 0x00000803 .* found 0x00000801/],
  ['a web page', Buffer.from('<!doctype html><title>404</title>'), /offset 0: wrong magic number.* found 0x3c21646f/],
  ['a header cut short', images.subarray(0, 15), /offset 15: the file ends after 15 bytes, inside the header of 16 bytes/],
  [
    'no data',
    images.subarray(0, 16),
    /offset 16: the file is truncated, its dimensions 2 x 2 x 3 ask for 12 bytes after the header, found 0/,
  ],
  ['one byte missing', images.subarray(0, 27), /offset 27: the file is truncated, .* ask for 12 bytes after the header, found 11/],
  ['one byte too many', Buffer.concat([images, Buffer.alloc(1)]), /offset 28: 1 bytes follow the 12 bytes/],
  ['no images', idx([0, 28, 28], new Uint8Array(0)), /offset 4: the file holds no items, its count is 0/],
  ['images without rows', idx([5, 0, 28], new Uint8Array(0)), /offset 8: dimension 1 is 0/],
  ['images without columns', idx([5, 28, 0], new Uint8Array(0)), /offset 12: dimension 2 is 0/],
  ['an absurd count', idx([0xffffffff, 1, 1], new Uint8Array(9)), /offset 25: the file is truncated, .* ask for 4294967295 bytes/],
  [
    'absurd dimensions',
    idx([0xffffffff, 0xffff, 0xffff], new Uint8Array(9)),
    /offset 12: the dimensions 4294967295 x 65535 x 65535 ask for more than any disk holds/,
  ],
];

for (const [what, bytes, pattern] of malformed) {
  test(`${what} is refused, plain and in gzip`, async () => {
    for (const [name, stored] of [
      ['bad', bytes],
      ['bad.gz', gzipSync(bytes)],
    ] as const) {
      const path = await write(name, stored);
      await assert.rejects(headerOf(path, 3), refused(path, pattern));
    }
  });
}

test('gzip that is truncated, damaged, or followed by other bytes is refused', async () => {
  const whole = gzipSync(images);
  const damaged = Buffer.from(whole);
  damaged[whole.length - 6]! ^= 0xff;
  const cases: [Buffer, RegExp][] = [
    [whole.subarray(0, whole.length - 1), /the gzip data is truncated/],
    [whole.subarray(0, 2), /the gzip data is truncated/],
    [damaged, /the gzip data is damaged/],
    [Buffer.concat([whole, Buffer.from('more')]), /the gzip data is damaged/],
  ];
  for (const [bytes, pattern] of cases) {
    const path = await write('bad.gz', bytes);
    await assert.rejects(headerOf(path, 3), refused(path, pattern));
  }
});

test('decompression stops at its limit', async () => {
  const bomb = gzipSync(Buffer.alloc(100_000));
  assert.equal((await gunzipBounded('bomb', bomb, 100_000)).length, 100_000);
  await assert.rejects(gunzipBounded('bomb', bomb, 99_999), refused('bomb', /decompresses to more than 99999 bytes/));
  assert.ok(maximumResidentBytes <= 2 ** 30);
});

test('a gzip file that is too large to unpack is refused with the command that unpacks it, and other large files stay on the disk', async () => {
  const path = await write('large', Buffer.from([0x1f, 0x8b, 8]));
  await truncate(path, maximumResidentBytes + 1);
  await assert.rejects(openDataFile(path), refused(path, /cannot be read by position, .* Unpack it first: gunzip .*large/));
  await write('large', images);
  await truncate(path, maximumResidentBytes + 1);
  const file = await openDataFile(path);
  assert.deepEqual([file.isResident, file.size], [false, maximumResidentBytes + 1]);
  const bytes = new Uint8Array(images.length);
  file.read(0, bytes);
  assert.deepEqual(Buffer.from(bytes), images);
  assert.throws(
    () => file.read(maximumResidentBytes, bytes),
    refused(path, /the file ends after \d+ bytes, before the sample that is wanted/),
  );
  file.close();
  await rm(path);
});

test('a missing file, a directory, and a file in place of a directory are refused', async () => {
  const missing = join(directory, 'nowhere');
  await assert.rejects(headerOf(missing, 3), refused(missing, /cannot be read: there is no such file.*--data/));
  const folder = join(directory, 'folder');
  await mkdir(folder);
  await assert.rejects(headerOf(folder, 3), refused(folder, /this is not a file/));
  const below = join(await write('file', images), 'images');
  await assert.rejects(headerOf(below, 3), refused(below, /a part of the path is not a directory/));
});

test('any bytes are either one whole array or refused with a sentence', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(1, 3), fc.boolean(), (tail, dimensions, honest) => {
    const bytes = honest ? Buffer.concat([idx([], new Uint8Array(0), 0x0800 | dimensions), tail]) : Buffer.from(tail);
    try {
      const { shape, offset } = readIdxHeader(residentFile('any', bytes), dimensions);
      assert.equal(offset + elementCount(shape), bytes.length);
    } catch (error) {
      assert.ok(refused('any', /offset \d+: /)(error));
    }
  });
  fc.assert(property, { numRuns: 2000 });
});
