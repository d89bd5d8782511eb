/**
 * A dataset that a person wrote: a module named after `--data`, on the coordinator's own command line. It may block, since it is read by
 * a thread.
 *
 * Responsible for: checking what the module says and gives. Its SHA-256 is the split's own, or is computed from all samples.
 */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LockstepError } from '@lockstep/shared';
import { z } from 'zod';
import { type Dataset, type Field, fieldBytes, type Split } from './dataset.ts';
import { checkIds, checkRoom, noField } from './file-dataset.ts';

const readMethod = z.custom<(ids: Uint32Array) => unknown>((value) => typeof value === 'function', 'must be a function');
const splitSchema = z.strictObject({
  length: z
    .int()
    .min(1)
    .max(2 ** 32 - 1),
  read: readMethod,
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')
    .optional(),
});
const dimension = z
  .int()
  .min(1)
  .max(2 ** 30);
const moduleSchema = z.strictObject({
  fields: z.record(z.string(), z.strictObject({ shape: z.array(dimension).max(6), dtype: z.enum(['uint8', 'int32', 'float32']) })),
  splits: z.strictObject({ train: splitSchema.optional(), test: splitSchema.optional() }),
});

const arrays = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const;
/** Samples that are hashed together. */
const chunkSize = 1024;

/** Throws `data-invalid`. */
export async function openModule(path: string, split: Split): Promise<Dataset> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new LockstepError('data-invalid', `The data module ${path} ${problem}.`, { cause });
  };
  const loaded = await import(pathToFileURL(resolve(path)).href).catch((cause: unknown) =>
    fail(`cannot be loaded: ${(cause as Error).message.split('\n')[0]}`, cause),
  );
  const parsed = moduleSchema.safeParse((loaded as { default?: unknown }).default);
  if (!parsed.success) {
    const { path: where, message } = parsed.error.issues[0]!;
    return fail(`has a bad default export: ${where.join('.') || 'the export itself'}: ${message}`);
  }
  const own = parsed.data.splits[split] ?? fail(`has no ${split} split: add splits.${split}, with length and read(ids)`);
  const fields = Object.entries(parsed.data.fields).map(([name, spec]): Field => ({ name, ...spec }));
  const readFields = checkedReader(fields, own.read, fail);
  return {
    source: `the data module ${path}`,
    count: own.length,
    fields,
    isResident: false,
    // Nobody knows when the data behind it changes.
    stamp: undefined,
    computeSha256: () => own.sha256 ?? hashAll(fields, own.length, readFields),
    read(name, ids, out) {
      const field = fields.find((each) => each.name === name) ?? noField(name);
      checkIds(ids, own.length);
      checkRoom(field, ids, out);
      out.set(readFields(ids)[name]!);
    },
    close() {},
  };
}

/** Bytes by field. A round reads several fields of the same samples one after the other: the last answer is kept. */
function checkedReader(
  fields: readonly Field[],
  read: (ids: Uint32Array) => unknown,
  fail: (problem: string, cause?: unknown) => never,
): (ids: Uint32Array) => Readonly<Record<string, Uint8Array>> {
  let last: { readonly ids: Uint32Array; readonly bytes: Readonly<Record<string, Uint8Array>> } | undefined;
  return (ids) => {
    if (last !== undefined && last.ids.length === ids.length && last.ids.every((id, index) => id === ids[index])) return last.bytes;
    let answer: unknown;
    try {
      answer = read(ids.slice());
    } catch (cause) {
      return fail(`failed in read: ${(cause as Error).message}`, cause);
    }
    const given = (answer ?? {}) as Readonly<Record<string, unknown>>;
    const bytes = fields.map((field) => {
      const { name, dtype } = field;
      const value = given[name];
      const length = (ids.length * fieldBytes(field)) / arrays[dtype].BYTES_PER_ELEMENT;
      if (!(value instanceof arrays[dtype]) || value.length !== length)
        return fail(`gave no ${arrays[dtype].name} of ${length} elements for field '${name}' of ${ids.length} samples`);
      return [name, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
    });
    last = { ids: ids.slice(), bytes: Object.fromEntries(bytes) as Record<string, Uint8Array> };
    return last.bytes;
  };
}

function hashAll(fields: readonly Field[], count: number, read: (ids: Uint32Array) => Readonly<Record<string, Uint8Array>>): string {
  const hash = createHash('sha256').update(JSON.stringify(fields));
  for (let first = 0; first < count; first += chunkSize) {
    const bytes = read(Uint32Array.from({ length: Math.min(chunkSize, count - first) }, (_, index) => first + index));
    for (const { name } of fields) hash.update(bytes[name]!);
  }
  return hash.digest('hex');
}
