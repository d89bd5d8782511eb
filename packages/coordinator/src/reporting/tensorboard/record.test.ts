import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, frame, pictureEvent, scalarsEvent, startEvent, versionEvent } from './record.ts';

test('the checksum is CRC-32C', () => {
  // The check value of the catalogue of CRCs, and the examples of RFC 3720, B.4.
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
});

test("records have the bytes of TensorBoard's own writer", () => {
  // Written by RecordWriter and the messages of TensorBoard 2.21.
  const wallTimeSeconds = 1.5;
  const records = [
    versionEvent({ wallTimeSeconds, step: 0 }),
    startEvent({ wallTimeSeconds, step: 300 }),
    scalarsEvent({ wallTimeSeconds, step: 300 }, { 'loss/generator': 0.25, b: -3 }),
    pictureEvent({ wallTimeSeconds, step: 2 ** 31 }, 'grid', { height: 2, width: 200, channels: 3, png: Buffer.from('\x89PNG', 'latin1') }),
  ];
  assert.deepEqual(
    records.map((record) => frame(record).toString('hex')),
    [
      '1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c',
      '100000000000000095fbfe1809000000000000f83f10ac023a020801713b788a',
      '2f000000000000006d5d1d5009000000000000f83f10ac022a210a150a0e6c6f73732f67656e657261746f72150000803e0a080a016215000040c0a331b1e1',
      '2800000000000000ff70164a09000000000000f83f1080808080082a170a150a0467726964220d080210c8011803220489504e47d1d884d4',
    ],
  );
});
