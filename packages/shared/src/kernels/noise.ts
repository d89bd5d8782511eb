/**
 * Random words, and what is made of them, in one small WebAssembly memory per process: drawn there a piece at a time, and copied out.
 *
 * Responsible for: that memory, and cutting rows into pieces that fit. Not responsible for: which numbers belong to which purpose
 * (`rng.ts`), or the arithmetic (`packages/shared/assembly`).
 */
import type { InputSpec } from '../recipe/recipe.ts';
import { createKernels, type KernelMemory } from './module.ts';

/** What a sequence of words depends on. All are taken modulo 2^32. A counter's first word, which is left out, counts blocks of four words. */
export interface Coordinates {
  readonly key: readonly [number, number];
  readonly counter: readonly [second: number, third: number, fourth: number];
}

interface Memory extends Pick<KernelMemory, 'kernels'> {
  readonly words: Uint32Array;
  readonly normals: Float64Array;
  readonly rows: Float32Array;
}

/** Words drawn at a time, a multiple of 16 as kernels write whole groups: everything stays in a processor's first cache. */
const pieceLength = 2048;

let made: Memory | undefined;

/** Each call of the functions below overwrites it before reading it, and calls nothing that could use it meanwhile. */
function memory(): Memory {
  if (made === undefined) {
    const { kernels, buffer } = createKernels(pieceLength * (8 + 4 + 4) + 16, 'Memory for random numbers');
    made = {
      kernels,
      normals: new Float64Array(buffer, 0, pieceLength),
      words: new Uint32Array(buffer, pieceLength * 8, pieceLength),
      // Followed by 16 bytes, since kernels write whole groups of 4.
      rows: new Float32Array(buffer, pieceLength * 12, pieceLength),
    };
  }
  return made;
}

/** Fills `target` with the words of blocks `block`, `block + 1`, ... */
export function drawWords(target: Uint32Array, coordinates: Coordinates, block: number): void {
  const { kernels, words } = memory();
  for (let start = 0; start < target.length; start += pieceLength) {
    const count = Math.min(pieceLength, target.length - start);
    fillWords(kernels, words, count, coordinates, 0, block + start / 4);
    target.set(words.subarray(0, count), start);
  }
}

/** Standard normals in float64: a pair from each two words, of which there must be an even number. */
export function normalsOf(source: Uint32Array): Float64Array {
  const { kernels, words, normals } = memory();
  const target = new Float64Array(source.length);
  for (let start = 0; start < source.length; start += pieceLength) {
    const count = Math.min(pieceLength, source.length - start);
    words.set(source.subarray(start, start + count));
    kernels.normals(normals.byteOffset, words.byteOffset, count);
    target.set(normals.subarray(0, count), start);
  }
  return target;
}

/** Fills `target` with rows of `length` numbers, each from its first block on; row i has i added to the counter's third word. */
export function drawRows(target: Float32Array, distribution: InputSpec['distribution'], length: number, first: Coordinates): void {
  const { kernels, words, normals, rows } = memory();
  let [done, held] = [0, 0];
  const copyOut = (): void => {
    target.set(rows.subarray(0, held), done);
    done += held;
    held = 0;
  };
  for (let row = 0; done + held < target.length; row += 1) {
    for (let column = 0; column < length; column += pieceLength) {
      const count = Math.min(pieceLength, length - column);
      if (held + count > pieceLength) copyOut();
      const address = rows.byteOffset + held * 4;
      fillWords(kernels, words, count, first, row, column / 4);
      if (distribution === 'uniform') {
        kernels.uniforms(address, words.byteOffset, count);
      } else {
        kernels.normals(normals.byteOffset, words.byteOffset, count);
        kernels.narrow(address, normals.byteOffset, count);
      }
      held += count;
    }
  }
  copyOut();
}

function fillWords(
  kernels: Memory['kernels'],
  words: Uint32Array,
  count: number,
  { key, counter }: Coordinates,
  row: number,
  block: number,
): void {
  kernels.words(words.byteOffset, count, block, counter[0], counter[1] + row, counter[2], key[0], key[1]);
}
