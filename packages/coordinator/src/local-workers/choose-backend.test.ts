import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseBackend } from './choose-backend.ts';

const works =
  (...names: string[]) =>
  (backend: string) =>
    Promise.resolve(names.includes(backend));
const silent = (sentence: string): void => assert.fail(sentence);
const auto = { backend: 'auto', spawn: true } as const;

test('auto is the backend of the checkpoint, without asking, else of the config file where it works, else left open', async () => {
  assert.equal(await chooseBackend(auto, { checkpoint: 'wasm', config: 'tensorflow' }, silent, works()), 'wasm');
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'tensorflow' }, silent, works('tensorflow')), 'tensorflow');
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: undefined }, silent, works()), 'auto');
  const told: string[] = [];
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'cuda' }, (text) => told.push(text), works('wasm')), 'auto');
  assert.deepEqual(told, ['The run was begun with --backend cuda, which does not work on this machine: taking the best one that does.']);
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'abacus' }, silent, works('abacus')), 'auto');
});

test('what a person chose is kept, and without local workers there is nothing to choose', async () => {
  const known = { checkpoint: 'wasm', config: 'wasm' };
  assert.equal(await chooseBackend({ backend: 'tensorflow', spawn: true }, known, silent, works()), 'tensorflow');
  assert.equal(await chooseBackend({ backend: 'auto', spawn: false }, known, silent, works()), 'auto');
});

test('a backend works if a worker gets as far as looking for its coordinator', async () => {
  const environment = process.env['LOCKSTEP_NATIVE_DIR'];
  process.env['LOCKSTEP_NATIVE_DIR'] = import.meta.dirname;
  try {
    const told: string[] = [];
    assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'wasm' }, silent), 'wasm');
    assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'cuda' }, (text) => told.push(text)), 'auto');
    assert.equal(told.length, 1);
  } finally {
    if (environment === undefined) delete process.env['LOCKSTEP_NATIVE_DIR'];
    else process.env['LOCKSTEP_NATIVE_DIR'] = environment;
  }
});
