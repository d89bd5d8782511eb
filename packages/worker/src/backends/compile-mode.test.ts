import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tf } from '@lockstep/shared';
import { LockstepError } from '@lockstep/shared';
import type { Backend, PhaseFunction } from './backend.ts';
import { inModeOf } from './compile-mode.ts';

const eager: PhaseFunction = () => assert.fail('no phase runs here');
const compiled: PhaseFunction = () => assert.fail('no phase runs here');
const fused: PhaseFunction = () => assert.fail('no phase runs here');

const plain: Backend = { name: 'plain', device: '', tf: {} as Tf, compile: () => compiled };
const able: Backend = { ...plain, name: 'able', withXla: () => ({ ...plain, mode: 'xla', compile: () => fused }) };

test('the run decides how phases run', () => {
  assert.equal(inModeOf({ compile: false, xla: false }, able).compile(eager), eager);
  assert.equal(inModeOf({ compile: true, xla: false }, able).compile(eager), compiled);
  const xla = inModeOf({ compile: true, xla: true }, able);
  assert.deepEqual([xla.compile(eager), xla.mode], [fused, 'xla']);
  assert.equal(inModeOf({ compile: true, xla: false }, able).mode, undefined);
});

test('a backend without XLA refuses a run that uses it, by name, and takes every other run', () => {
  assert.equal(inModeOf({ compile: true, xla: false }, plain), plain);
  assert.throws(
    () => inModeOf({ compile: true, xla: true }, plain),
    (error) =>
      error instanceof LockstepError && error.code === 'backend-unavailable' && /^The run uses --xla, .* plain /.test(error.message),
  );
});
