// Compiles the packages: `npm run build`, and the first start of a bin in a fresh checkout.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
const packages = ['packages/shared', 'packages/coordinator', 'packages/worker'];
const { status } = spawnSync(process.execPath, [compiler, '-b', ...packages], { cwd: root, stdio: ['ignore', 2, 2] });
if (status !== 0) {
  console.error('Lockstep could not be compiled: see the messages above.');
  process.exit(1);
}
