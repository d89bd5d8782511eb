// Compiles the packages and bundles the live page: `npm run build`, and the first start of a bin in a fresh checkout.
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
const packages = ['packages/shared', 'packages/coordinator', 'packages/worker'];
const { status } = spawnSync(process.execPath, [compiler, '-b', ...packages], { cwd: root, stdio: ['ignore', 2, 2] });
if (status !== 0) {
  console.error('Lockstep could not be compiled: see the messages above.');
  process.exit(1);
}

const page = join(root, 'packages/coordinator/src/page');
const outdir = join(root, 'packages/coordinator/dist/page');
const entryPoints = ['page.ts', 'page.css'].map((name) => join(page, name));
await build({ entryPoints, outdir, bundle: true, minify: true, target: 'es2023', logLevel: 'warning' });
for (const name of ['page.html', 'icon.svg']) copyFileSync(join(page, name), join(outdir, name));
// Its licence wants to go where it goes.
copyFileSync(createRequire(join(page, 'page.ts')).resolve('uplot/LICENSE'), join(outdir, 'uplot-LICENSE.txt'));
