import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { flatSha256 } from './summary.ts';

test('the hash of a flat covers its little-endian float32 bytes, and nothing else', async () => {
  const hash = (bytes: readonly number[]): string => createHash('sha256').update(Uint8Array.from(bytes)).digest('hex');
  assert.equal(await flatSha256(Float32Array.of(1, -2)), hash([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
  assert.equal(await flatSha256(Float32Array.of(9, 1, -2, 9).subarray(1, 3)), hash([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
  assert.equal(await flatSha256(new Float32Array(0)), hash([]));
  assert.notEqual(await flatSha256(Float32Array.of(0)), await flatSha256(Float32Array.of(-0)));
  // More than one of the pieces that it is hashed in.
  const long = Float32Array.from({ length: 2_200_000 }, (_, index) => index);
  assert.equal(await flatSha256(long), createHash('sha256').update(Buffer.from(long.buffer)).digest('hex'));
});
