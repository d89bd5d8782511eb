import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseBackend } from './choose-backend.ts';

const works =
  (...names: string[]) =>
  (backend: string) =>
    Promise.resolve(names.includes(backend) ? undefined : 'It is not installed.');
const silent = (sentence: string): void => assert.fail(sentence);
const auto = { backend: 'auto', spawn: true } as const;

test('auto is the backend of the checkpoint, unchecked; otherwise that of the config file if it works; otherwise auto', async () => {
  assert.equal(await chooseBackend(auto, { checkpoint: 'wasm', config: 'tensorflow' }, silent, works()), 'wasm');
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'tensorflow' }, silent, works('tensorflow')), 'tensorflow');
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: undefined }, silent, works()), 'auto');
  const told: string[] = [];
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'cuda' }, (text) => told.push(text), works('wasm')), 'auto');
  assert.deepEqual(told, [
    'The run was started with --backend cuda, which does not work here, so another one is chosen: It is not installed.',
  ]);
  assert.equal(await chooseBackend(auto, { checkpoint: undefined, config: 'abacus' }, silent, works('abacus')), 'auto');
});

test('a backend named by the user is kept, and without local workers there is nothing to choose', async () => {
  const known = { checkpoint: 'wasm', config: 'wasm' };
  assert.equal(await chooseBackend({ backend: 'tensorflow', spawn: true }, known, silent, works()), 'tensorflow');
  assert.equal(await chooseBackend({ backend: 'auto', spawn: false }, known, silent, works()), 'auto');
});
