import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratchDirectory } from '../disk/testing.ts';

/** In a process of its own, as coordinators are: the path that it claims in `place/runs`. */
async function claim(place: string, recipe: string): Promise<{ path: string; firstMade: string }> {
  const program = `import { claimRunDirectory } from ${JSON.stringify(join(import.meta.dirname, 'claim-directory.ts'))};
    console.log(JSON.stringify(await claimRunDirectory(${JSON.stringify(recipe)}, new Date(Date.UTC(2026, 0, 2, 3, 4, 5)))));`;
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program],
    {
      cwd: place,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
  return JSON.parse(output) as { path: string; firstMade: string };
}

test('processes that begin in one second get directories of their own, and one of them has made runs/', async (t) => {
  const place = scratchDirectory(t);
  const claims = await Promise.all(Array.from({ length: 5 }, () => claim(place, './my recipe.mjs')));
  const names = ['', '-2', '-3', '-4', '-5'].map((suffix) => `my-recipe-20260102-030405${suffix}`);
  assert.deepEqual(
    claims.map(({ path }) => path).toSorted(),
    names.map((name) => join(place, 'runs', name)),
  );
  assert.deepEqual(readdirSync(join(place, 'runs')).toSorted(), names);
  assert.ok(claims.some(({ firstMade }) => firstMade === join(place, 'runs')));
  for (const { path, firstMade } of claims) assert.ok(firstMade === path || firstMade === join(place, 'runs'), firstMade);
});

test('what exists already is never taken, whether a file or an empty directory', async (t) => {
  const place = scratchDirectory(t);
  mkdirSync(join(place, 'runs', 'gan-20260102-030405'), { recursive: true });
  writeFileSync(join(place, 'runs', 'gan-20260102-030405-2'), '');
  const { path, firstMade } = await claim(place, 'gan');
  assert.equal(path, join(place, 'runs', 'gan-20260102-030405-3'));
  assert.equal(firstMade, path);
  assert.ok(existsSync(path));
});
