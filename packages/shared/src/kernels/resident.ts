/**
 * The flats that a network keeps from round to round, weights and optimizer slots, in a WebAssembly memory of their own: kernels update
 * them where they lie.
 *
 * Responsible for: that memory and its layout, and moving a gradient past them, block by block. Not responsible for: what is computed (the
 * optimizers).
 *
 * One memory for each network, made once at its exact size, rather than an arena for all: nothing grows, so views stay valid; nothing is
 * freed by hand; and WebAssembly's 4 GiB bound one network with its slots. That is 3 flats of 2^28 elements, the most that a manifest has.
 */
import { blockLength, createKernels, type Kernels, wholeLanes } from './module.ts';

/** Works on `count` elements: those `offset` bytes behind each flat's address, and those of the gradient at `gradient`. */
export type Update = (kernels: Kernels, offset: number, gradient: number, count: number) => void;

export interface ResidentFlats<Name extends string> {
  /** Live views, which start as zeros and stay valid. */
  readonly flats: Readonly<Record<Name, Float32Array>>;
  /** Where each lies, for kernels. */
  readonly addresses: Readonly<Record<Name, number>>;
  /**
   * Updates elements [start, end) of all flats once (default: all; `start` is a multiple of `blockLength`), block by block, with elements of the gradient clipped to [-limit, limit] if there is a limit. The gradient may
   * lie anywhere and stays as it is; throws (a programmer's error) at another length.
   */
  update(gradient: Float32Array, update: Update, limit?: number, range?: { readonly start: number; readonly end: number }): void;
}

/** Flats of shape [length], under these names. Throws as `createKernels` does. */
export function createResidentFlats<Name extends string>(length: number, names: readonly Name[]): ResidentFlats<Name> {
  const flatBytes = wholeLanes(length) * 4;
  const blockBytes = blockLength * 4;
  const content = `A network of ${length} parameters with its optimizer (${names.join(', ')})`;
  const { kernels, buffer } = createKernels(blockBytes + names.length * flatBytes, content);
  const block = new Float32Array(buffer, 0, blockLength);
  const addressOf = (index: number): number => blockBytes + index * flatBytes;
  return {
    flats: recordOf(names, (index) => new Float32Array(buffer, addressOf(index), length)),
    addresses: recordOf(names, addressOf),
    update(gradient, update, limit, { start: from, end: to } = { start: 0, end: length }) {
      if (gradient.length !== length) throw new Error(`a gradient of ${gradient.length} elements cannot update ${length} weights`);
      for (let start = from; start < to; start += blockLength) {
        const end = Math.min(to, start + blockLength);
        const count = wholeLanes(end - start);
        block.set(gradient.subarray(start, end));
        // The padding behind each flat is updated too: from zeros by zeros it stays zero.
        block.fill(0, end - start, count);
        if (limit !== undefined) kernels.clip(block.byteOffset, count, limit);
        update(kernels, start * 4, block.byteOffset, count);
      }
    },
  };
}

function recordOf<Name extends string, T>(names: readonly Name[], valueOf: (index: number) => T): Record<Name, T> {
  return Object.fromEntries(names.map((name, index) => [name, valueOf(index)])) as Record<Name, T>;
}
