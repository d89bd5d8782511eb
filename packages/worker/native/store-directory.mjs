/**
 * Where the native addons lie, for the program that builds them (`store.mjs`) and the worker that loads them (src/backends/native-addon.ts).
 */
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `.native` in the project that the worker is installed in, where `npm ci` leaves it alone, or in this repository. */
export function storeDirectory() {
  const worker = fileURLToPath(new URL('..', import.meta.url));
  const [project, installed] = worker.split(`${sep}node_modules${sep}`);
  return resolve(process.env.LOCKSTEP_NATIVE_DIR || join(installed === undefined ? join(worker, '../..') : project, '.native'));
}
