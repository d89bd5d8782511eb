/**
 * A checkpoint as files of bytes, and back. Pure: nothing here touches the disk.
 *
 * Layout: `checkpoint.json` (everything but the flats, and the length and SHA-256 of every other file) and one little-endian float32 file
 * for each flat: `generator.weights.bin`, `generator.adam-m.bin`.
 */
import { join } from 'node:path';
import { sha256, sha256InPieces } from '@lockstep/shared';
import { flatFromLittleEndian, littleEndianBytes } from './bytes.ts';
import type { Checkpoint, CheckpointNetwork } from './checkpoint.ts';
import { decodeHeader, encodeHeader, formatVersion, headerFileName, invalid } from './header.ts';
import type { Header } from './header.ts';

/**
 * Files by name, checkpoint.json last. On little-endian machines the flats' bytes are views of the checkpoint's memory.
 * Throws a plain Error for what a checkpoint cannot hold (a NaN or infinite scalar or counter, a slot of another length).
 * Hashes in pieces, since training goes on meanwhile: the flats must not change.
 */
export async function encodeCheckpoint(checkpoint: Checkpoint): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const add = (wanted: string, fallback: string, flat: Float32Array): string => {
    const name = plainName(wanted, fallback, files);
    files.set(name, littleEndianBytes(flat));
    return name;
  };
  const { networks, partial, cursor, run, ...rest } = checkpoint;
  checkPosition(checkpoint);
  const described = networks.map((network, index) => describeNetwork(network, index, add));
  const listed: Record<string, { length: number; sha256: string }> = {};
  for (const [name, bytes] of files) listed[name] = { length: bytes.byteLength, sha256: await sha256InPieces(bytes) };
  const header: Header = {
    formatVersion,
    ...rest,
    run: { ...run, recipe: { ...run.recipe } },
    cursor: { ...cursor },
    partial: throughJson(partial) as Header['partial'],
    networks: described,
    files: listed,
  };
  return files.set(headerFileName, encodeHeader(header));
}

/** `files` are those that `header.files` lists, of any length and content; `directory` is for sentences. Throws `resume-invalid`. */
export function decodeCheckpoint(header: Header, files: ReadonlyMap<string, Uint8Array>, directory: string): Checkpoint {
  for (const [name, expected] of Object.entries(header.files)) {
    const bytes = files.get(name);
    const path = join(directory, name);
    if (bytes === undefined) throw invalid(path, 'is missing');
    if (bytes.byteLength !== expected.length) throw invalid(path, wrongLength(bytes.byteLength, expected.length));
    if (sha256(bytes) !== expected.sha256) throw invalid(path, 'does not match its checksum');
  }
  const flatOf = (name: string, length: number): Float32Array => {
    const bytes = files.get(name);
    if (bytes?.byteLength !== length * 4)
      throw invalid(join(directory, headerFileName), `lists ${name} with another length than its network's`);
    return flatFromLittleEndian(bytes);
  };
  for (const { name, manifest, state } of header.networks) {
    if ((state === undefined) !== (manifest.state === undefined))
      throw invalid(join(directory, headerFileName), `does not say in which file the state of ${name} is`);
  }
  const { files: _files, formatVersion: _version, networks, ...rest } = header;
  return { ...rest, networks: networks.map((network) => restoreNetwork(network, flatOf)) };
}

export { decodeHeader, headerFileName };

export function wrongLength(found: number, expected: number): string {
  return `has ${found} bytes instead of ${expected}`;
}

type AddFile = (wanted: string, fallback: string, flat: Float32Array) => string;

function describeNetwork(network: CheckpointNetwork, index: number, add: AddFile): Header['networks'][number] {
  const { name, version, manifest, weights, optimizer, state } = network;
  const flat = (label: string, content: Float32Array, { length } = manifest as { readonly length: number }): string => {
    if (content.length !== length) {
      throw new Error(`a checkpoint cannot be written: ${name}'s ${label} has ${content.length} elements, its manifest ${length}`);
    }
    return add(`${name}.${label}`, `network-${index}.${label}`, content);
  };
  return {
    name,
    version,
    // A topology may have undefined fields. JSON drops them here, so that the checked header is the one on disk.
    manifest: throughJson(manifest) as Header['networks'][number]['manifest'],
    weights: flat('weights', weights),
    optimizer: {
      kind: optimizer.kind,
      slots: mapValues(optimizer.slots, (slot, key) => flat(`${optimizer.kind}-${key}`, slot)),
      scalars: mapValues(optimizer.scalars, (value) => (Object.is(value, -0) ? '-0' : value)),
    },
    ...(state === undefined ? {} : { state: flat('state', state, manifest.state) }),
  };
}

function restoreNetwork(network: Header['networks'][number], flatOf: (name: string, length: number) => Float32Array): CheckpointNetwork {
  const { name, version, manifest, optimizer } = network;
  return {
    name,
    version,
    manifest,
    weights: flatOf(network.weights, manifest.length),
    optimizer: {
      kind: optimizer.kind,
      slots: mapValues(optimizer.slots, (file) => flatOf(file, manifest.length)),
      scalars: mapValues(optimizer.scalars, (value) => (value === '-0' ? -0 : value)),
    },
    ...(network.state === undefined ? {} : { state: flatOf(network.state, manifest.state?.length ?? 0) }),
  };
}

/** A name that every file system takes and that no other file has, even on file systems that ignore case. */
function plainName(wanted: string, fallback: string, taken: ReadonlyMap<string, unknown>): string {
  const used = new Set([...taken.keys()].map((name) => name.toLowerCase()));
  const plain = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/;
  const candidates = [wanted, fallback].filter((name) => plain.test(name)).map((name) => `${name}.bin`);
  const numbered = `flat-${taken.size}.bin`;
  return candidates.find((name) => !used.has(name.toLowerCase())) ?? numbered;
}

function checkPosition({ cursor, roundsIntoStep }: Checkpoint): void {
  const atStart = cursor.phase === 0 && cursor.repetition === 0;
  if (atStart !== (roundsIntoStep === 0)) {
    throw new Error(
      `a checkpoint cannot be written: ${roundsIntoStep} rounds into the step, but phase ${cursor.phase}, repetition ${cursor.repetition}`,
    );
  }
}

function throughJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A, key: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
