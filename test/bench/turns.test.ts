import assert from 'node:assert/strict';
import test from 'node:test';
import { type Contestant, skipNotes, takeTurns } from './turns.ts';

const silent = (): void => undefined;

function contestant(name: string, log: string[], reason?: string): Contestant<string> {
  return {
    name,
    workers: 1,
    burnIn: async () => (log.push(`burn ${name}`), reason),
    measure: async () => (log.push(name), `${name}${log.length}`),
    end: async () => void log.push(`end ${name}`),
  };
}

test('all burn in, then take turns, starting with a different one each time, and all are ended', async () => {
  const log: string[] = [];
  const { measured, skipped } = await takeTurns([contestant('a', log), contestant('b', log), contestant('c', log, 'no c')], 3, silent);
  assert.deepEqual(log, ['burn a', 'burn b', 'burn c', 'a', 'b', 'b', 'a', 'a', 'b', 'end a', 'end b', 'end c']);
  assert.deepEqual(
    measured.map(({ name, samples }) => [name, samples]),
    [
      ['a', ['a4', 'a7', 'a8']],
      ['b', ['b5', 'b6', 'b9']],
    ],
  );
  assert.deepEqual(skipped, [{ name: 'c', workers: 1, reason: 'no c' }]);
});

test('when one breaks, what was measured has been printed, and all are ended', async () => {
  const log: string[] = [];
  const said: string[] = [];
  const broken = { ...contestant('b', log), measure: () => Promise.reject(new Error('broke')) };
  await assert.rejects(
    takeTurns([contestant('a', log), broken], 1, (line) => said.push(line)),
    /broke/,
  );
  assert.ok(said.includes('  "a3"'), said.join('\n'));
  assert.deepEqual(log.slice(-2), ['end a', 'end b']);
});

test('skips with the same reason become one note', () => {
  const skips = [1, 2].flatMap((workers) => ['x', 'y'].map((name) => ({ name, workers, reason: 'Install it.' })));
  assert.deepEqual(skipNotes(skips), ['Skipped: x, y. Install it.']);
});
