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

test('a .js file is a module if it imports or exports, and CommonJS otherwise', async () => {
  assert.equal((await loadRecipe(await write('module.js', text()))).recipe.name, 'mine');
  assert.equal((await loadRecipe(await write('common.js', text().replace('export default', 'module.exports =')))).recipe.name, 'mine');
});

for (const from of ['@lockstep/coordinator', '@lockstep/shared']) {
  test(`TypeScript loses its types and may import defineRecipe from ${from}`, async () => {
    const source = `import { defineRecipe, type Recipe } from '${from}';
      import type { Layers } from './layers.ts';
      const recipe = ${text().slice('export default '.length)}
      export default defineRecipe(recipe satisfies Recipe as Recipe);`;
    const file = await write('typed.ts', source);
    const loaded = await loadRecipe(file);
    assert.equal(loaded.recipe.name, 'mine');
    assert.equal(loaded.hash, createHash('sha256').update(source).digest('hex'), 'the hash is that of the text with its types');
  });
}

test('JavaScript may import defineRecipe as well, as a module and as CommonJS', async () => {
  const wrapped = text().replace('export default', 'export default defineRecipe(').replace(/;$/, ');');
  const module = await write('defined.mjs', `import { defineRecipe } from '@lockstep/coordinator';\n${wrapped}`);
  assert.equal((await loadRecipe(module)).recipe.name, 'mine');
  const common = wrapped.replace('export default', "module.exports = require('@lockstep/shared').");
  assert.equal((await loadRecipe(await write('defined.cjs', common))).recipe.name, 'mine');
});

test('a file that imports anything else is refused, and nothing of it runs', async () => {
  await write('layers.mjs', "throw new Error('it ran');");
  const imports: Record<string, RegExp> = {
    "\nimport { a } from './layers.mjs';":
      /imports '\.\/layers\.mjs' in line 2\. A recipe is one file, so that its hash covers all of its code/,
    "import './layers.mjs';": /imports '\.\/layers\.mjs' in line 1/,
    "export * from './layers.mjs';": /imports '\.\/layers\.mjs'/,
    "import { readFileSync } from 'node:fs';": /imports 'node:fs'/,
    "import * as tf from '@tensorflow/tfjs';": /imports '@tensorflow\/tfjs'/,
    "import 'data:text/javascript,1';": /imports 'data:/,
    "await import('./layers.mjs');": /imports '\.\/layers\.mjs'/,
    "await import('@lockstep/' + 'shared');": /imports something in line 1/,
    'import.meta.url;': /uses import\.meta in line 1/,
  };
  for (const [code, says] of Object.entries(imports)) {
    assert.match(await refusal(await write('imports.mjs', `${code}\n${text()}`)), says);
    assert.match(await refusal(await write('imports.ts', `${code}\n${text()}`)), says);
  }
  assert.match(
    await refusal(await write('requires.cjs', "module.exports = require('./layers.cjs');")),
    /requires '\.\/layers\.cjs'\. A recipe is one/,
  );
  assert.match(
    await refusal(await write('type.ts', `import { Recipe } from '@lockstep/shared';\n${text()}`)),
    /imports 'Recipe', which recipes cannot: .*'import type'/,
  );
});

test('TypeScript that cannot be erased, or parsed, is refused with its line', async () => {
  assert.match(
    await refusal(await write('enum.ts', `\nenum Kind { A }\n${text()}`)),
    /needs more than its types erased in line 2: TypeScript enum is not supported\. Write/,
  );
  assert.match(
    await refusal(await write('namespace.ts', `namespace A { export const b = 1; }`)),
    /namespace declaration is not supported\./,
  );
  assert.match(await refusal(await write('broken.ts', `\n\nconst a: = 3;`)), /broken\.ts cannot be parsed in line 3: Unexpected token/);
  assert.match(
    await refusal(await write('throws.ts', "type A = 1;\n\nthrow new Error('no luck');")),
    /failed while loading in line 3: no luck\.$/,
  );
});

test('a file that cannot be used is refused by name, with the reason', async () => {
  assert.match(await refusal('./nowhere.mjs'), /^Recipe \.\/nowhere\.mjs cannot be read: there is no such file\.$/);
  assert.match(await refusal('recipe.py'), /recipe\.py is not JavaScript or TypeScript: its name must end in \.ts, \.mts, \.mjs/);
  assert.match(await refusal(folder), /is not JavaScript or TypeScript/);
  assert.match(
    await refusal(await write('unclosed.mjs', '\nexport default {')),
    /unclosed\.mjs cannot be parsed \('node --check .*unclosed\.mjs' shows where\)\.$/,
  );
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
  assert.match(await refusal(await write('a b.cjs', "\nthrow new Error('no luck');")), /failed while loading in line 2: no luck\.$/);
  assert.match(await refusal(await write('empty.mjs', 'export default {};')), /empty\.mjs: name is missing/);
  assert.match(await refusal(await write('huge.mjs', ' '.repeat(2 ** 20 + 1))), /has 1048577 bytes; a recipe has at most 1048576/);
});

test('the example recipe keeps the rules and imports nothing', async () => {
  const file = fileURLToPath(new URL('../../../../examples/lsgan.mjs', import.meta.url));
  const { recipe } = await loadRecipe(file);
  assert.equal(recipe.name, 'lsgan');
  assert.doesNotMatch(await readFile(file, 'utf8'), /^\s*import\b|\brequire\(/m);
});
