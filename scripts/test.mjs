// Runs test files with node:test from the sources: `node scripts/test.mjs [--full] FILE-OR-DIR...`. Fails on an empty list, which node would pass.
// --full: suites with a short and a long form run the long one. Tests of webgpu run on SwiftShader if `npm run swiftshader` has fetched it.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testVariables } from './swiftshader/environment.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const full = process.argv.includes('--full');
const places = process.argv.slice(2).filter((argument) => argument !== '--full');
const files = places.flatMap((place) => (statSync(join(root, place)).isFile() ? [place] : testFiles(join(root, place)))).sort();
if (files.length === 0) {
  console.error(`No test files in ${places.join(', ') || '(nothing named)'}.`);
  process.exit(1);
}
const reporters = ['spec', './scripts/test-times.mjs'].flatMap((reporter) => [
  `--test-reporter=${reporter}`,
  '--test-reporter-destination=stdout',
]);
const { status } = spawnSync(
  process.execPath,
  [
    '--conditions=source',
    '--import',
    'tsx',
    '--import',
    './scripts/tsx-in-threads.mjs',
    '--test',
    ...reporters,
    '--test-concurrency=2',
    ...files,
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ...testVariables(process.env), ...(full ? { LOCKSTEP_FULL: '1' } : {}) } },
);
process.exit(status ?? 1);

function testFiles(directory) {
  return readdirSync(directory, { recursive: true })
    .filter((file) => file.endsWith('.test.ts') && !/(^|\/)(node_modules|dist)\//.test(file))
    .map((file) => relative(root, join(directory, file)));
}
