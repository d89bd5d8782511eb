/**
 * TensorBoard's event files as bytes: TFRecord framing around the few protobuf messages that scalars and pictures need.
 *
 * Written out here, since eight fields of four messages are less than loading a protobuf library into the coordinator. Pure. The numbers of
 * fields are those of `event.proto` and `summary.proto` in TensorFlow.
 */

export interface EventFields {
  /** Seconds since 1970. */
  readonly wallTimeSeconds: number;
  readonly step: number;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 colours. */
  readonly channels: number;
  readonly png: Uint8Array;
}

/** The first record of a file: it says how the others are to be read. */
export function versionEvent(event: EventFields): Buffer {
  return message([...eventFields(event), bytesField(3, Buffer.from('brain.Event:2'))]);
}

/** Readers forget what earlier files say of `step` and later steps. */
export function startEvent(event: EventFields): Buffer {
  const sessionLog = message([integerField(1, 1)]);
  return message([...eventFields(event), bytesField(7, sessionLog)]);
}

export function scalarsEvent(event: EventFields, scalars: Readonly<Record<string, number>>): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) => message([bytesField(1, Buffer.from(tag)), floatField(2, value)]));
  return message([...eventFields(event), bytesField(5, message(values.map((value) => bytesField(1, value))))]);
}

export function pictureEvent(event: EventFields, tag: string, { width, height, channels, png }: Picture): Buffer {
  const image = message([integerField(1, height), integerField(2, width), integerField(3, channels), bytesField(4, png)]);
  const value = message([bytesField(1, Buffer.from(tag)), bytesField(4, image)]);
  return message([...eventFields(event), bytesField(5, message([bytesField(1, value)]))]);
}

/** A record of a TFRecord file: length, its checksum, the bytes, their checksum. */
export function frame(data: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, checksum(length), data, checksum(data)]);
}

function eventFields({ wallTimeSeconds, step }: EventFields): Buffer[] {
  // Zero is what a field that is not there means.
  return [doubleField(1, wallTimeSeconds), ...(step === 0 ? [] : [integerField(2, step)])];
}

const message = (fields: readonly Buffer[]): Buffer => Buffer.concat(fields);

/** Protobuf's wire types. */
const wire = { varint: 0, eightBytes: 1, lengthDelimited: 2, fourBytes: 5 } as const;
const key = (field: number, type: number): number => (field << 3) | type;

function integerField(field: number, value: number): Buffer {
  return Buffer.from([key(field, wire.varint), ...varint(value)]);
}

function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(key(field, wire.eightBytes));
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt8(key(field, wire.fourBytes));
  bytes.writeFloatLE(value, 1);
  return bytes;
}

function bytesField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([key(field, wire.lengthDelimited), ...varint(value.length)]), value]);
}

/** Seven bits a byte, lowest first; the high bit says that more follow. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return [...bytes, value];
}

/** CRC-32C, masked as TFRecord wants it, so that a checksum of data which holds checksums stays a good one. */
function checksum(data: Uint8Array): Buffer {
  const crc = crc32c(data);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return bytes;
}

export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
