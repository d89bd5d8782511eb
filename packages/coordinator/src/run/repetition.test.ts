import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Options } from '../options/option-table.ts';
import { type ConfigFile, resolveOptions } from '../options/resolve-options.ts';
import type { Base } from './origin.ts';
import type { Prepared } from './prepare.ts';
import { changedNumerics, changedSources } from './repetition.ts';

const prepared = { run: { recipe: { name: 'gan', hash: 'r' } }, dataset: { sha256: 'd' } } as Prepared;
const baseOf = (file: ConfigFile): Base => ({ path: 'config.json', file });
const optionsOf = (base: Base, typed: Partial<Options> = {}): Options =>
  resolveOptions({ typed, resume: false, step: undefined, config: base.path }, base);
const about = { recipeHash: 'r', datasetSha256: 'd', backend: 'tensorflow', fingerprint: 'a' };
const other = { backend: 'wasm', fingerprint: 'b' };

test('different last bits are reported, but only for a run that is otherwise the same', () => {
  const base = baseOf({ seed: 3, about });
  const sentence = (typed: Partial<Options>, numerics = other): string | undefined =>
    changedNumerics(base, optionsOf(base, typed), prepared, numerics);
  assert.match(sentence({})!, /last bits .*config\.json: it used --backend tensorflow, and this one uses wasm\.$/);
  assert.match(sentence({ steps: 9, runDir: 'x', seed: 3 })!, /last bits/, 'none of these options changes a number');
  assert.equal(sentence({ shards: 2 }), undefined);
  assert.equal(sentence({}, { backend: 'wasm', fingerprint: 'a' }), undefined);
});

test('a file whose options are valid only together with those of the command line is understood', () => {
  const base = baseOf({ minWorkers: 4, about });
  assert.match(changedNumerics(base, optionsOf(base, { workers: 4 }), prepared, other)!, /last bits/);
});

test('different bytes are reported, and a file that says nothing is not compared', () => {
  assert.deepEqual(changedSources(baseOf({ about }), prepared), []);
  assert.deepEqual(changedSources(baseOf({}), prepared), []);
  const told = changedSources(baseOf({ about: { ...about, recipeHash: 'x', datasetSha256: 'y' } }), prepared);
  assert.deepEqual(
    told.map((sentence) => /^The (.*) is not/.exec(sentence)?.[1]),
    ['recipe', 'data set'],
  );
  const old = baseOf({ about: { recipeHash: 'r', datasetSha256: 'd' } });
  assert.equal(changedNumerics(old, optionsOf(old), prepared, other), undefined);
});
