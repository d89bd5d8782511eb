/**
 * Where the addon's sources and Node's headers lie: tfjs-node's own in node_modules, and one file of ours beside this one.
 *
 * Responsible for: finding them, and a hash that changes when they do.
 * Not responsible for: compiling.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from './failure.mjs';

// Optional dependencies of the worker; wherever npm put them, Node's own resolution finds them from here.
const require = createRequire(import.meta.url);

const signals = fileURLToPath(new URL('signals.cc', import.meta.url));

export const packages = { tensorflow: '@tensorflow/tfjs-node', cuda: '@tensorflow/tfjs-node-gpu' };

function packageFile(name) {
  try {
    return require.resolve(`${name}/package.json`);
  } catch (cause) {
    throw new Failure(`${name} is not installed; it is an optional dependency: install without --omit=optional.`, { cause });
  }
}

/** @returns {Promise<{ package: string, version: string, sources: string[], nodeHeaders: string, hash: string }>} */
export async function findAddon(kind) {
  const manifest = packageFile(packages[kind]);
  const headersManifest = packageFile('node-api-headers');
  const binding = join(dirname(manifest), 'binding');
  const files = (await readdir(binding)).filter((name) => /\.(cc|h)$/.test(name)).sort();
  const sources = files.filter((name) => name.endsWith('.cc')).map((name) => join(binding, name));
  if (sources.length === 0) throw new Failure(`${packages[kind]} holds no addon sources in ${binding}; reinstall it with npm ci.`);
  const hash = createHash('sha256');
  for (const name of files)
    hash
      .update(name)
      .update('\0')
      .update(await readFile(join(binding, name)));
  for (const path of [headersManifest, signals]) hash.update(await readFile(path));
  return {
    package: packages[kind],
    version: JSON.parse(await readFile(manifest, 'utf8')).version,
    sources: [...sources, signals],
    nodeHeaders: join(dirname(headersManifest), 'include'),
    hash: hash.digest('hex'),
  };
}
