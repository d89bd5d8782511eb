import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tf } from '@lockstep/shared';
import { LockstepError } from '@lockstep/shared';
import type { Backend, PhaseFunction } from './backend.ts';
import { inExecution } from './execution.ts';

const eager: PhaseFunction = () => assert.fail('no phase runs here');
const compiled: PhaseFunction = () => assert.fail('no phase runs here');
const fused: PhaseFunction = () => assert.fail('no phase runs here');

const plain: Backend = { name: 'plain', device: '', tf: {} as Tf, compile: () => compiled };
const able: Backend = { ...plain, name: 'able', withXla: () => ({ ...plain, mode: 'xla', compile: () => fused }) };

test('the run decides how phases run', () => {
  assert.equal(inExecution('eager', able).compile(eager), eager);
  assert.equal(inExecution('graph', able).compile(eager), compiled);
  const xla = inExecution('xla', able);
  assert.deepEqual([xla.compile(eager), xla.mode], [fused, 'xla']);
  assert.equal(inExecution('graph', able).mode, undefined);
});

test('a backend without XLA refuses a run that uses it, by name, and takes every other run', () => {
  assert.equal(inExecution('graph', plain), plain);
  assert.throws(
    () => inExecution('xla', plain),
    (error) =>
      error instanceof LockstepError &&
      error.code === 'backend-unavailable' &&
      /^The run uses --execution xla, .* plain /.test(error.message),
  );
});
