/**
 * Benchmark `kernels`: a round's arithmetic in the coordinator, in plain JavaScript (as it once was) and in SIMD WebAssembly (as it is).
 *
 * Responsible for: measuring each part and all of it on flats of one size. Not responsible for: judging. It fails only when both sides do
 * not compute the same bits.
 *
 * Method: one process, burn-in until both are compiled, then both in turn, each time on the same flats; medians. The gradients are put back
 * and garbage is collected in between, unmeasured, so that no part pays for the garbage of another.
 * Gradients lie in memory like any other, as shared memory is to a process, and sums in an arena, as the coordinator's do.
 */
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import { atOnce, createArena, createFlatPool, squaredNorm } from '@lockstep/shared';
import { adamReference, addIntoReference, squaredNormReference } from '../../packages/shared/src/kernels/testing/reference.ts';
import { createOptimizer } from '../../packages/coordinator/src/training/optimizer/update-rules.ts';
import { createTreeSum } from '../../packages/coordinator/src/training/reduce.ts';
import type { Report } from './report.ts';
import { type Spread, spreadOf, withRange } from './statistics.ts';

/** Both networks of the seed GAN together: 4.6 MB. */
const length = 1_150_000;
const shards = 4;
const burnInRepeats = 20;
const repeats = 100;
const quickRepeats = 10;

interface Side {
  sum(flats: readonly Float32Array[]): Float32Array;
  norm(flat: Float32Array): number;
  update(gradient: Float32Array): void;
  readonly weights: Float32Array;
}

const parts = ['sum', 'norm', 'update', 'copy', 'all'] as const;
type Part = (typeof parts)[number];
const titles: Readonly<Record<Part, string>> = {
  sum: `Sum of ${shards} gradients in the tree`,
  norm: 'Finite check and norm',
  update: 'Adam',
  copy: 'Copy of the weights to send',
  all: 'All of it',
};

export async function kernels({ quick }: { readonly quick: boolean }, say: (line: string) => void): Promise<Report> {
  const gradients = Array.from({ length: shards }, (_, shard) => wave(shard + 2, 1e-3));
  const sides = { 'plain JavaScript': createPlain(), 'SIMD WebAssembly': createLockstep() };
  const arrived = gradients.map((flat) => flat.slice());
  const collect = collector();
  const samples = Object.values(sides).map(
    () => Object.fromEntries(parts.map((part): [Part, number[]] => [part, []])) as Record<Part, number[]>,
  );
  say(`burn-in: ${burnInRepeats} repeats, then ${quick ? quickRepeats : repeats}`);
  for (let repeat = -burnInRepeats; repeat < (quick ? quickRepeats : repeats); repeat += 1) {
    const norms = Object.values(sides).map((side, index) => {
      arrived.forEach((flat, shard) => flat.set(gradients[shard]!));
      collect();
      const { times, norm } = round(side, arrived);
      if (repeat >= 0) for (const part of parts) samples[index]![part].push(Math.round(times[part] * 1000) / 1000);
      return norm;
    });
    const [plain, lockstep] = Object.values(sides).map(({ weights }) => bytesOf(weights)) as [Buffer, Buffer];
    if (norms[0] !== norms[1] || !plain.equals(lockstep)) throw new Error('both sides do not compute the same bits: nothing was measured');
  }
  const names = Object.keys(sides);
  const spreads = samples.map((bySide) => Object.fromEntries(parts.map((part) => [part, spreadOf(bySide[part])])) as Record<Part, Spread>);
  return {
    name: 'kernels',
    title: `A round's arithmetic in the coordinator, ${shards} shards, flats of ${(length * 4) / 1e6} MB, milliseconds.`,
    tables: [
      {
        caption: 'Milliseconds: median (range)',
        columns: ['', ...names, 'ratio'],
        rows: parts.map((part) => {
          const [plain, lockstep] = spreads.map((bySide) => bySide[part]) as [Spread, Spread];
          return [titles[part], withRange(plain, 2), withRange(lockstep, 2), (plain.median / lockstep.median).toFixed(1)];
        }),
      },
    ],
    notes: [],
    results: parts.flatMap((part) => spreads.map((bySide, index) => ({ name: `${part}, ${names[index]}`, unit: 'ms', ...bySide[part] }))),
  };
}

/** As the coordinator does it: sum, check, update, and a copy that messages share. */
function round(side: Side, flats: readonly Float32Array[]): { times: Record<Part, number>; norm: number } {
  const marks = [performance.now()];
  const total = side.sum(flats);
  marks.push(performance.now());
  const norm = side.norm(total);
  marks.push(performance.now());
  side.update(total);
  marks.push(performance.now());
  const copy = side.weights.slice();
  marks.push(performance.now());
  if (copy.length !== length) throw new Error('the copy is not whole');
  const [sum, finite, update, copied] = marks.slice(1).map((mark, index) => mark - marks[index]!) as [number, number, number, number];
  return { times: { sum, norm: finite, update, copy: copied, all: marks.at(-1)! - marks[0]! }, norm };
}

function createLockstep(): Side {
  const optimizer = createOptimizer({ kind: 'adam', learningRate: 1e-4 }, wave(1, 0.1));
  const pool = createFlatPool(shards, createArena(shards, length));
  return {
    weights: optimizer.weights,
    sum(flats) {
      const tree = createTreeSum(shards, pool);
      flats.forEach((flat, index) => atOnce(tree.add({ level: 0, index }, flat)));
      return tree.total()!;
    },
    norm: squaredNorm,
    update(gradient) {
      optimizer.apply(gradient);
      pool.give(gradient);
    },
  };
}

/** The same tree, checks and Adam as plain loops. */
function createPlain(): Side {
  const [weights, m, v] = [wave(1, 0.1), new Float32Array(length), new Float32Array(length)];
  const f = Math.fround;
  const [b1, b2] = [f(0.9), f(0.999)];
  let [accumulated1, accumulated2] = [b1, b2];
  return {
    weights,
    sum(flats) {
      for (let stride = 1; stride < flats.length; stride *= 2) {
        for (let index = 0; index + stride < flats.length; index += 2 * stride) addIntoReference(flats[index]!, flats[index + stride]!);
      }
      return flats[0]!;
    },
    norm(flat) {
      for (let index = 0; index < flat.length; index += 1) if (!Number.isFinite(flat[index]!)) return Number.NaN;
      return squaredNormReference(flat);
    },
    update(gradient) {
      const [r1, r2] = [f(1 - accumulated1), f(1 - accumulated2)];
      adamReference(weights, gradient, m, v, 1, {
        b1,
        b2,
        c1: f(1 - 0.9),
        c2: f(1 - 0.999),
        r1,
        r2,
        e: f(1e-7),
        negativeRate: -f(1e-4),
        keep: 1,
      });
      accumulated1 = f(accumulated1 * b1);
      accumulated2 = f(accumulated2 * b2);
    },
  };
}

function bytesOf(flat: Float32Array): Buffer {
  return Buffer.from(flat.buffer, flat.byteOffset, flat.byteLength);
}

/** A full garbage collection, which Node keeps behind a flag. */
function collector(): () => void {
  v8.setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Numbers of one size, without pattern in their last bits. */
function wave(frequency: number, amplitude: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => Math.sin(index * frequency) * amplitude);
}
