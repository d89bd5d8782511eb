import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LockstepError } from '../errors.ts';
import { loadRecipe } from './recipe-file.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'lockstep-recipe-'));
after(() => rm(folder, { recursive: true }));

/** A recipe that keeps the rules, as text. */
function text(batchSize = 4): string {
  return `export default {
    name: 'mine', batchSize: ${batchSize}, epochs: 1, real: { shape: [784], range: [0, 1] }, inputs: {},
    networks: { n: () => 1 }, phases: [{ name: 'p', updates: 'n', inputs: ['real'], loss: () => 1 }],
    optimizers: { n: { kind: 'sgd', learningRate: 1 } }, generate: () => 1,
  };`;
}

async function write(name: string, content: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}

async function refusal(nameOrFile: string): Promise<string> {
  const error = await loadRecipe(nameOrFile).then(
    () => assert.fail('it was accepted'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof LockstepError, String(error));
  assert.equal(error.code, 'recipe-invalid');
  assert.ok(!error.message.includes('\n'), 'one line, no stack');
  return error.message;
}

test('a built-in recipe is found by name and has a hash of its own', async () => {
  const gan = await loadRecipe('gan');
  const seed = await loadRecipe('gan-seed');
  assert.equal(gan.recipe.name, 'gan');
  assert.equal(gan.file, undefined);
  assert.match(gan.hash, /^[0-9a-f]{64}$/);
  assert.notEqual(gan.hash, seed.hash);
  assert.equal((await loadRecipe('gan')).hash, gan.hash);
  assert.match(await refusal('gann'), /Did you mean 'gan'/);
});

test("a file's hash is the SHA-256 of its bytes", async () => {
  const file = await write('mine.mjs', text());
  const loaded = await loadRecipe(file);
  assert.equal(loaded.hash, createHash('sha256').update(text()).digest('hex'));
  assert.equal(loaded.file, file);
  assert.equal(loaded.recipe.name, 'mine');
  assert.equal((await loadRecipe(path.relative(process.cwd(), file))).file, file, 'a relative path starts at the current folder');
});

test('a file that changed is loaded anew', async () => {
  assert.equal((await loadRecipe(await write('changing.mjs', text(4)))).recipe.batchSize, 4);
  assert.equal((await loadRecipe(await write('changing.mjs', text(5)))).recipe.batchSize, 5);
});

test('CommonJS works too', async () => {
  const loaded = await loadRecipe(await write('mine.cjs', text().replace('export default', 'module.exports =')));
  assert.equal(loaded.recipe.name, 'mine');
});

test('a file that cannot be used is refused by name, with the reason', async () => {
  assert.match(await refusal('./nowhere.mjs'), /^Recipe \.\/nowhere\.mjs cannot be read: there is no such file\.$/);
  assert.match(await refusal('recipe.ts'), /recipe\.ts is not a JavaScript module: its name must end in \.mjs/);
  assert.match(await refusal(folder), /is not a JavaScript module/);
  assert.match(
    await refusal(await write('broken.mjs', 'export default { a: 1 2 };')),
    /broken\.mjs cannot be parsed: .*node --check .*broken\.mjs/,
  );
  assert.match(await refusal(await write('named.mjs', 'export const recipe = 1;')), /has no default export: end it with 'export default/);
  assert.match(
    await refusal(await write('throws.mjs', "\n\nthrow new Error('no luck\\nat all');")),
    /failed while loading in line 3: no luck\.$/,
  );
  assert.match(await refusal(await write('odd.mjs', 'throw 3;')), /failed while loading: 3\.$/);
  assert.match(
    await refusal(await write('imports.mjs', "import 'no-such-package-anywhere';")),
    /failed while loading.*no-such-package-anywhere/,
  );
  assert.match(await refusal(await write('empty.mjs', 'export default {};')), /empty\.mjs: name is missing/);
  assert.match(await refusal(await write('huge.mjs', ' '.repeat(2 ** 20 + 1))), /has 1048577 bytes; a recipe has at most 1048576/);
});

test('the example recipe keeps the rules and imports nothing', async () => {
  const file = fileURLToPath(new URL('../../../../examples/lsgan.mjs', import.meta.url));
  const { recipe } = await loadRecipe(file);
  assert.equal(recipe.name, 'lsgan');
  assert.doesNotMatch(await readFile(file, 'utf8'), /^\s*import\b|\brequire\(/m);
});
