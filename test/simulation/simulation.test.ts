/** A short form of `npm run test:sim`: some hundred worlds of whole programs, none of which may break its rules (I1, I2, I4, I6, I7, I8). */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { plantedBugs } from './planted-bugs.ts';
import { huntPlantedBugs } from './planted.ts';
import { simulate, WorldFailure } from './simulate.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const worlds = 300;

test(`${worlds} worlds keep their rules`, async () => {
  for (let seed = 1; seed <= worlds; seed += 1) await simulate(seed);
});

test('a world replays exactly from its seed, and another seed is another world', async () => {
  const hashes: string[] = [];
  for (const seed of [40, 41, 40]) hashes.push((await simulate(seed)).hash);
  assert.equal(hashes[0], hashes[2]);
  assert.notEqual(hashes[0], hashes[1]);
});

test('a failure tells the seed, the command that replays it, and what happened last', () => {
  const { message } = new WorldFailure(7, new Error('the reason'), ['what happened last']);
  assert.match(message, /World 7 .*npm run test:sim -- --seed 7\nwhat happened last\nError: the reason/s);
});

test('at least twenty planted bugs each still have their place in the sources', async () => {
  assert.ok(plantedBugs.length >= 20);
  for (const { name, file, find, replace } of plantedBugs) {
    const source = await readFile(join(root, file), 'utf8');
    assert.equal(source.split(find).length, 2, `${name}: ${file} must have exactly once: ${find}`);
    assert.notEqual(find, replace);
  }
});

test('the hunt finds a bug that is planted, and none where nothing is', () => {
  const bug = plantedBugs.find(({ name }) => name.startsWith('weights are sent'))!;
  const nothing = { ...bug, replace: bug.find };
  assert.equal(huntPlantedBugs({ bugs: [bug, nothing], worlds: 3, say: () => {} }), 1);
});
