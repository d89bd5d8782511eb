/**
 * Decompresses one gzip file in memory, within a limit, and says in a sentence what is wrong with a bad one.
 * Not responsible for: files (`data-file.ts`), or what the bytes mean.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { LockstepError } from '@lockstep/shared';

const decompress = promisify(gunzip);

const reasons: Readonly<Record<string, (limit: number) => string>> = {
  Z_BUF_ERROR: () => 'the gzip data is truncated',
  Z_DATA_ERROR: () => 'the gzip data is damaged',
  ERR_BUFFER_TOO_LARGE: (limit) => `it decompresses to more than ${limit} bytes, and a gzip file cannot be read by position`,
};

/** At most `limit` bytes. `path` is for the sentence only. Throws `data-invalid`. */
export async function gunzipBounded(path: string, compressed: Uint8Array, limit: number): Promise<Uint8Array> {
  try {
    return await decompress(compressed, { maxOutputLength: limit });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = reasons[code ?? '']?.(limit) ?? message;
    const advice = code === 'ERR_BUFFER_TOO_LARGE' ? `Unpack it first: gunzip ${path}` : 'Fetch the file again, or point --data elsewhere.';
    throw new LockstepError('data-invalid', `${path}: ${reason}. ${advice}`, { cause });
  }
}
