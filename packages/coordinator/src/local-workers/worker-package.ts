/** Where the worker's files are, for the processes that the coordinator starts. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export function workerFile(...path: readonly string[]): string {
  return join(dirname(createRequire(import.meta.url).resolve('@lockstep/worker/package.json')), ...path);
}
