/** Pictures have the same bits on every machine, and what is not whole is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LockstepError } from '@lockstep/shared';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { openPictures } from './picture-dataset.ts';
import { createDecoder, pictureHeader } from './pictures.ts';
import { resizeInto } from './resize.ts';

const fixtures = fileURLToPath(new URL('../../../../test/fixtures/data', import.meta.url));
const decode = await createDecoder();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lockstep-pictures-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const refused =
  (says: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof LockstepError, String(error));
    assert.equal(error.code, 'data-invalid');
    assert.match(error.message, says);
    return true;
  };

/** The bits of MozJPEG in @jsquash/jpeg 1.6.0. A version with others changes what runs train on: it is a change of the changelog. */
const pixels = {
  'colour.jpg': '11c89eef0a52d72e8cd8124452fbe7926cd8aa7ebdff39cc07c6d0dac62ca2ee',
  'progressive.jpg': '99b01760db8e56785d4be05d9ad7b389cab6c41e4f660fb898a4d46da82009ad',
  'grey.jpg': 'f34a901406aac36e935be191585b6d61121c1ba20588b63db1b4d6c860aa1459',
};
for (const [name, sha256] of Object.entries(pixels)) {
  test(`${name} is decoded to its bits`, async () => {
    const bytes = await readFile(join(fixtures, name));
    assert.deepEqual(pictureHeader(name, bytes), { width: 6, height: 4, isGrey: name === 'grey.jpg' });
    const { width, height, rgba } = decode(name, bytes);
    assert.deepEqual([width, height, createHash('sha256').update(rgba).digest('hex')], [6, 4, sha256]);
  });
}

test('a JPEG that is cut anywhere is refused, and the decoder works afterwards', async () => {
  const bytes = await readFile(join(fixtures, 'colour.jpg'));
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), (length) => {
      assert.throws(() => decode('cut.jpg', bytes.subarray(0, length)), refused(/^cut\.jpg cannot be used: /));
      assert.equal(decode('whole.jpg', bytes).width, 6);
    }),
    { numRuns: 40 },
  );
});

async function png(name: string, width: number, height: number, pixel: (index: number) => number[], colorType: 0 | 6 = 6): Promise<void> {
  const image = new PNG({ width, height });
  for (let index = 0; index < width * height; index += 1) image.data.set(pixel(index), 4 * index);
  await mkdir(join(directory, name, '..'), { recursive: true });
  await writeFile(join(directory, name), PNG.sync.write(image, { colorType }));
}
const grey = (index: number): number[] => [index, index, index, 255];

test('grey pictures have one channel, if all of them are grey', async () => {
  await png('a.png', 3, 2, grey, 0);
  await png('b.png', 3, 2, grey, 0);
  const dataset = await openPictures(directory, undefined);
  assert.deepEqual(dataset.fields, [{ name: 'image', shape: [2, 3, 1], dtype: 'uint8' }]);
  const out = new Uint8Array(6);
  dataset.read('image', Uint32Array.of(1), out);
  assert.deepEqual([...out], [0, 1, 2, 3, 4, 5]);
  await png('c.png', 3, 2, (index) => [index, 0, 9, 255]);
  assert.deepEqual((await openPictures(directory, undefined)).fields[0]!.shape, [2, 3, 3]);
});

test('pictures of two sizes are refused, unless one size is given', async () => {
  await png('a.png', 4, 4, grey);
  await png('b.png', 2, 4, grey);
  await assert.rejects(
    openPictures(directory, undefined),
    refused(
      /b\.png has 2 x 4 pixels, but .*a\.png has 4 x 4\. Give one size with --picture-size WIDTHxHEIGHT, which scales by averaging areas/,
    ),
  );
  const dataset = await openPictures(directory, { width: 2, height: 2 });
  assert.deepEqual(dataset.fields[0]!.shape, [2, 2, 3]);
  const out = new Uint8Array(12);
  dataset.read('image', Uint32Array.of(0), out);
  // Means of four: (0 + 1 + 4 + 5) / 4 = 2.5, rounded up.
  assert.deepEqual([...out], [3, 3, 3, 5, 5, 5, 11, 11, 11, 13, 13, 13]);
  const other = await openPictures(directory, { width: 1, height: 2 });
  assert.notEqual(other.computeSha256(), dataset.computeSha256(), 'the size is part of the data');
});

test('scaling keeps a picture of its own size, a plain colour, and the mean of whole multiples', () => {
  const sizes = fc.integer({ min: 1, max: 9 });
  fc.assert(
    fc.property(sizes, sizes, sizes, sizes, fc.nat({ max: 255 }), (width, height, toWidth, toHeight, level) => {
      const rgba = Uint8Array.from({ length: width * height * 4 }, (_, index) => (index * 31) & 255);
      const same = new Uint8Array(width * height * 3);
      resizeInto({ width, height, rgba }, height, width, 3, same);
      assert.deepEqual(
        [...same],
        [...rgba].filter((_, index) => index % 4 < 3),
      );
      const plain = new Uint8Array(toWidth * toHeight);
      resizeInto({ width, height, rgba: new Uint8Array(width * height * 4).fill(level) }, toHeight, toWidth, 1, plain);
      assert.ok(plain.every((value) => value === level));
    }),
  );
});

test('what is no picture is refused by its name: other files, loose files beside classes, empty classes, false endings', async () => {
  await mkdir(join(directory, 'cats'));
  await copyFile(join(fixtures, 'colour.jpg'), join(directory, 'cats', 'a.jpg'));
  await writeFile(join(directory, 'cats', '.hidden'), '');
  const dataset = await openPictures(directory, undefined);
  assert.equal(dataset.count, 1);
  assert.match(dataset.source, /\(1 classes: cats\)/);
  await writeFile(join(directory, 'cats', 'notes.txt'), 'x');
  await assert.rejects(
    openPictures(directory, undefined),
    refused(/cats\/notes\.txt cannot be used: its name does not end in \.png, \.jpg/),
  );
  await rm(join(directory, 'cats', 'notes.txt'));
  await copyFile(join(fixtures, 'colour.jpg'), join(directory, 'loose.jpg'));
  await assert.rejects(openPictures(directory, undefined), refused(/loose\.jpg cannot be used: it lies beside folders of pictures/));
  await rm(join(directory, 'loose.jpg'));
  await mkdir(join(directory, 'dogs'));
  await assert.rejects(openPictures(directory, undefined), refused(/dogs is empty: a class without pictures/));
  await writeFile(join(directory, 'dogs', 'b.png'), '<html>');
  await assert.rejects(openPictures(directory, undefined), refused(/dogs\/b\.png cannot be used: it is neither PNG nor JPEG/));
  await writeFile(join(directory, 'dogs', 'b.png'), (await readFile(join(fixtures, 'colour.jpg'))).subarray(0, 150));
  await assert.rejects(openPictures(directory, undefined), refused(/dogs\/b\.png cannot be used: its header is truncated or damaged/));
});
