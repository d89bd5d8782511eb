/**
 * Puts the addon that `lockstep-native` built under tfjs-node, in place of the one that tfjs-node would download.
 *
 * Responsible for: finding that build, refusing one that no longer fits, and making tfjs-node load it.
 * Not responsible for: building it (`../../native`), loading tfjs-node, or choosing a backend.
 *
 * tfjs-node asks `@mapbox/node-pre-gyp` where its addon is, through its public function `find`, and requires the answer.
 * That answer is replaced, for that one package, in this process: no file in node_modules changes. tfjs-node must then be loaded
 * with `createRequire(import.meta.url)`: a module loaded by `import` may get other copies of what it requires when a loader
 * such as tsx is active.
 *
 * Threads: this TensorFlow reads `TF_NUM_INTRAOP_THREADS` and `TF_NUM_INTEROP_THREADS` from the environment when it first runs,
 * so `process.env` must be set before tfjs-node is required.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { storeDirectory } from '../../native/store-directory.mjs';

export type NativeKind = 'tensorflow' | 'cuda';

const packages = { tensorflow: '@tensorflow/tfjs-node', cuda: '@tensorflow/tfjs-node-gpu' } as const;

/** What builds that addon, in this repository and where Lockstep is installed. */
export function nativeCommand(kind: NativeKind): string {
  return `npx --no -- lockstep-native${kind === 'cuda' ? ' --cuda' : ''}`;
}

interface Build {
  readonly package: string;
  readonly version: string;
  readonly tensorflow: string;
  readonly files: readonly { readonly path: string }[];
}

/**
 * Makes `require('@tensorflow/tfjs-node')` (or `-gpu`) use the addon built by `lockstep-native`. Call it before requiring the package.
 * @returns the addon's path, or undefined when nothing was built: then tfjs-node looks for its own download.
 * @throws LockstepError 'backend-unavailable' if there is a build but it is broken or belongs to another version of the package.
 */
export function useNativeAddon(kind: NativeKind): string | undefined {
  const directory = join(storeDirectory(), kind);
  if (!existsSync(directory)) return undefined;
  const addon = checkedAddon(kind, directory);
  redirectAddon(packages[kind], addon);
  return addon;
}

function checkedAddon(kind: NativeKind, directory: string): string {
  const again = `run ${nativeCommand(kind)}`;
  let build: Build;
  let installed: string;
  try {
    build = JSON.parse(readFileSync(join(directory, 'build.json'), 'utf8')) as Build;
  } catch (cause) {
    throw new LockstepError('backend-unavailable', `The native addon in ${directory} has no readable build.json; ${again}.`, { cause });
  }
  const missing = build.files.map((file) => resolve(directory, file.path)).find((path) => !existsSync(path));
  if (missing) throw new LockstepError('backend-unavailable', `The native addon in ${directory} lacks ${missing}; ${again}.`);
  try {
    installed = (JSON.parse(readFileSync(manifestOf(packages[kind]), 'utf8')) as { version: string }).version;
  } catch (cause) {
    throw new LockstepError('backend-unavailable', `${packages[kind]} is not installed; install without --omit=optional.`, { cause });
  }
  if (build.version !== installed) {
    const sentence = `The native addon in ${directory} was built for ${build.package} ${build.version} and ${installed} is installed; ${again}.`;
    throw new LockstepError('backend-unavailable', sentence);
  }
  return join(directory, 'tfjs_binding.node');
}

function manifestOf(packageName: string): string {
  return createRequire(import.meta.url).resolve(`${packageName}/package.json`);
}

interface NodePreGyp {
  readonly find: (packageJson: string, options?: unknown) => string;
}

/** Makes `packageName` load the addon at `addonPath`. Used by `useNativeAddon`, and by the check of a build that is not installed yet. */
export function redirectAddon(packageName: string, addonPath: string): void {
  const manifest = manifestOf(packageName);
  const packageRequire = createRequire(manifest);
  const real = packageRequire('@mapbox/node-pre-gyp') as NodePreGyp;
  const entry = packageRequire.cache[packageRequire.resolve('@mapbox/node-pre-gyp')];
  if (!entry) throw new Error('node-pre-gyp is not in the cache of modules right after it was required');
  const find: NodePreGyp['find'] = (packageJson, options) =>
    resolve(packageJson) === manifest ? addonPath : real.find(packageJson, options);
  // `find` is a getter on the real module, so it cannot be assigned; everything else is inherited.
  entry.exports = Object.create(real, { find: { value: find, enumerable: true } }) as NodePreGyp;
}
