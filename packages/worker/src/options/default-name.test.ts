import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { defaultName } from './default-name.ts';

test('a worker that nobody named says where it is, and differs from one of the same host and process number', () => {
  assert.equal(defaultName({ gpu: undefined }, '0123456789abcdef'), `${hostname()}-${process.pid}-012345`);
  assert.equal(defaultName({ gpu: 'MIG-GPU-1/2/3' }, 'fedcba9876543210'), `${hostname()}-gpuMIG-GPU-1-2-3-fedcba`);
});
