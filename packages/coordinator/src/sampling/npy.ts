/** Arrays as NumPy's .npy files, version 1.0: numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Float32, little-endian, C order. */

/** Multiple of which the data begins. */
const alignment = 64;

export function encodeNpy(values: Float32Array, shape: readonly number[]): Buffer {
  // A tuple of one needs its comma.
  const tuple = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const description = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + description.length + 1) / alignment) * alignment - 10;
  const head = Buffer.alloc(10 + length, ' ');
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(length, 8);
  head.write(description, 10, 'latin1');
  head.write('\n', head.length - 1, 'latin1');
  return Buffer.concat([head, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
}
