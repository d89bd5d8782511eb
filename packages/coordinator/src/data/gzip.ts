/**
 * Decompresses one gzip file in memory, within a limit, and says in a sentence what is wrong with a bad one.
 * Not responsible for: what the bytes mean (`idx.ts`).
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { LockstepError } from '@lockstep/shared';

const decompress = promisify(gunzip);

const reasons: Readonly<Record<string, (limit: number) => string>> = {
  Z_BUF_ERROR: () => 'the gzip data is truncated',
  Z_DATA_ERROR: () => 'the gzip data is damaged',
  ERR_BUFFER_TOO_LARGE: (limit) => `it decompresses to more than ${limit} bytes`,
};

/** At most `limit` bytes. `path` is for the sentence only. Throws `data-invalid`. */
export async function gunzipBounded(path: string, compressed: Uint8Array, limit: number): Promise<Uint8Array> {
  try {
    return await decompress(compressed, { maxOutputLength: limit });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = reasons[code ?? '']?.(limit) ?? message;
    throw new LockstepError('data-invalid', `${path}: ${reason}. Fetch the file again, or point --data elsewhere.`, { cause });
  }
}
