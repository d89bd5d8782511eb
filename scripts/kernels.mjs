#!/usr/bin/env node
/**
 * `npm run kernels`: compiles packages/shared/assembly to WebAssembly and embeds it in packages/shared/src/kernels/kernels.wasm.ts.
 *
 * The result is committed, so that neither users nor the build need the compiler. `--check` writes nothing and fails if the committed file
 * is not what the sources compile to; a test calls it. The compiler's version is pinned: another version may give different bytes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sourceFiles = ['kernels', 'normals', 'philox'].map((name) => `packages/shared/assembly/${name}.ts`);
const targetFile = 'packages/shared/src/kernels/kernels.wasm.ts';
// No runtime: the kernels allocate nothing, and the code that instantiates them provides the memory.
const flags = ['--optimizeLevel', '3', '--runtime', 'stub', '--noAssert', '--importMemory', '--enable', 'simd'];

async function compile() {
  let binary;
  const { error } = await asc.main([...sourceFiles, '--baseDir', root, '--outFile', 'kernels.wasm', ...flags], {
    writeFile: (_name, contents) => {
      binary = contents;
    },
    stdout: process.stdout,
    stderr: process.stderr,
  });
  return error === null ? binary : undefined;
}

function embed(binary) {
  return `/** Generated from packages/shared/assembly by \`npm run kernels\`: do not edit. ${binary.length} bytes of WebAssembly, in base64. */
export const kernelsBase64 =
  '${Buffer.from(binary).toString('base64')}';
`;
}

function fail(sentence) {
  console.error(sentence);
  process.exitCode = 1;
}

const binary = await compile();
if (binary === undefined) {
  fail('packages/shared/assembly does not compile: see above.');
} else if (!process.argv.includes('--check')) {
  await writeFile(join(root, targetFile), embed(binary));
} else if ((await readFile(join(root, targetFile), 'utf8').catch(() => '')) !== embed(binary)) {
  fail(`${targetFile} is not what packages/shared/assembly compiles to: run npm run kernels, and commit the result.`);
}
