import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from './command-line.ts';
import { checkGiven, text, texts, whole } from './option-table.ts';

const usage = { name: 'program', synopsis: 'program [options]', purpose: 'Test.', examples: [], version: '1' };
const number = { type: 'number', default: 1, describe: 'a number', check: whole(0, 9) } as const;

test('a list takes several words, and may be repeated', async () => {
  const table = { places: { type: 'list', default: undefined, describe: 'places', check: texts }, number } as const;
  for (const argv of [
    ['--places', 'a', 'b', '--number', '3'],
    ['--places', 'a', '--number', '3', '--places', 'b'],
  ])
    assert.deepEqual(checkGiven(table, await parseCommandLine(argv, table, usage)), { places: ['a', 'b'], number: 3 });
  assert.throws(() => checkGiven(table, { places: [] }), { code: 'usage' });
  assert.throws(() => checkGiven(table, { places: [''] }), { code: 'usage' });
});

test('of another flag that is repeated the last one counts', async () => {
  const table = { name: { type: 'string', default: undefined, describe: 'a name', check: text }, number } as const;
  assert.deepEqual(await parseCommandLine(['--name', 'a', '--name', 'b'], table, usage), { name: 'b' });
  // Of which the last is 1: yargs would take that number for a flag that counts how often it is given.
  assert.deepEqual(await parseCommandLine(['--number', '2', '--number', '1'], table, usage), { number: 1 });
  assert.deepEqual(await parseCommandLine(['--number', ''], table, usage), { number: NaN });
  const places = { type: 'list', default: undefined, describe: 'places', check: texts } as const;
  const argv = ['--places', 'a', '--name', 'a', '--number', '2', '--name', 'b', '--number', '1'];
  assert.deepEqual(await parseCommandLine(argv, { ...table, places }, usage), { places: ['a'], name: 'b', number: 1 });
});
