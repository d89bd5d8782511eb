/**
 * The SHA-256 of large data is computed once and kept in the user's cache directory, by the paths, sizes and times of its files. A cache
 * that cannot be read or written only costs time.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@lockstep/shared';
import type { Dataset } from './dataset.ts';

/** `recompute`: the files may have changed although their sizes and times have not. */
export function cachedSha256(
  dataset: Pick<Dataset, 'source' | 'stamp' | 'computeSha256'>,
  recompute: boolean,
  say: (sentence: string) => void,
  directory = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'lockstep', 'data-sha256'),
): string {
  const path = dataset.stamp === undefined ? undefined : join(directory, sha256(dataset.stamp));
  const known = recompute || path === undefined ? undefined : read(path);
  if (known !== undefined) return known;
  say(`Reading all of ${dataset.source} once, for its SHA-256.`);
  const computed = dataset.computeSha256();
  if (path !== undefined) write(directory, path, computed);
  return computed;
}

function read(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return /^[0-9a-f]{64}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function write(directory: string, path: string, text: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  } catch {
    // The next run computes it again.
  }
}
