/**
 * What the kernels compute, as plain JavaScript: the definition that tests hold them to, bit for bit, and that the benchmark compares with.
 * Not used by Lockstep itself. Every operation is rounded to float32 by `f` or by the store.
 */
const f = Math.fround;

export function addIntoReference(target: Float32Array, source: Float32Array): void {
  for (let index = 0; index < target.length; index += 1) target[index] = target[index]! + source[index]!;
}

export function squaredNormReference(flat: Float32Array): number {
  const sums = new Float64Array(8);
  for (let index = 0; index < flat.length; index += 1) sums[index % 8]! += flat[index]! * flat[index]!;
  const [s0, s1, s2, s3, s4, s5, s6, s7] = sums as unknown as [number, number, number, number, number, number, number, number];
  return s0 + s1 + (s2 + s3) + (s4 + s5 + (s6 + s7));
}

/** As Adam, rounded to float32: see packages/coordinator/src/training/optimizer/update-rules.ts. */
export interface AdamConstants {
  readonly b1: number;
  readonly b2: number;
  readonly c1: number;
  readonly c2: number;
  readonly r1: number;
  readonly r2: number;
  readonly e: number;
  readonly negativeRate: number;
  readonly keep: number;
}

export function adamReference(
  weights: Float32Array,
  gradient: Float32Array,
  m: Float32Array,
  v: Float32Array,
  scale: number,
  { b1, b2, c1, c2, r1, r2, e, negativeRate, keep }: AdamConstants,
): void {
  for (let index = 0; index < weights.length; index += 1) {
    const g = f(gradient[index]! * scale);
    const newM = f(f(m[index]! * b1) + f(g * c1));
    const newV = f(f(v[index]! * b2) + f(f(g * g) * c2));
    m[index] = newM;
    v[index] = newV;
    const direction = f(f(newM / r1) / f(f(Math.sqrt(f(newV / r2))) + e));
    weights[index] = f(direction * negativeRate) + f(weights[index]! * keep);
  }
}

/** As RMSProp. */
export interface RmspropConstants {
  readonly decay: number;
  readonly c: number;
  readonly e: number;
  readonly momentum: number;
  readonly rate: number;
}

/** Without a velocity, there is no momentum. */
export function rmspropReference(
  weights: Float32Array,
  gradient: Float32Array,
  v: Float32Array,
  velocity: Float32Array | undefined,
  scale: number,
  { decay, c, e, momentum, rate }: RmspropConstants,
): void {
  for (let index = 0; index < weights.length; index += 1) {
    const g = f(gradient[index]! * scale);
    v[index] = f(v[index]! * decay) + f(f(g * g) * c);
    let change = f(f(g * rate) / f(Math.sqrt(f(v[index]! + e))));
    if (velocity !== undefined) change = velocity[index] = f(f(velocity[index]! * momentum) + change);
    weights[index] = weights[index]! - change;
  }
}

export function clipReference(target: Float32Array, limit: number): void {
  for (let index = 0; index < target.length; index += 1) target[index] = Math.max(Math.min(target[index]!, limit), -limit);
}

export function descendReference(weights: Float32Array, gradient: Float32Array, scale: number, negativeRate: number): void {
  for (let index = 0; index < weights.length; index += 1) {
    weights[index] = f(negativeRate * f(gradient[index]! * scale)) + weights[index]!;
  }
}

export function descendWithMomentumReference(
  weights: Float32Array,
  gradient: Float32Array,
  velocity: Float32Array,
  scale: number,
  momentum: number,
  negativeRate: number,
): void {
  for (let index = 0; index < weights.length; index += 1) {
    velocity[index] = f(momentum * velocity[index]!) + f(gradient[index]! * scale);
    weights[index] = f(negativeRate * velocity[index]!) + weights[index]!;
  }
}

/** Philox4x32-10 of one counter, as its authors define it: four words. */
export function philoxReference(counter: readonly [number, number, number, number], key: readonly [number, number]): number[] {
  let [x0, x1, x2, x3] = counter.map((word) => BigInt.asUintN(32, BigInt(word))) as [bigint, bigint, bigint, bigint];
  let [key0, key1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round += 1) {
    const product0 = 0xd2511f53n * x0;
    const product1 = 0xcd9e8d57n * x2;
    [x0, x1, x2, x3] = [(product1 >> 32n) ^ x1 ^ key0, product1 & 0xffffffffn, (product0 >> 32n) ^ x3 ^ key1, product0 & 0xffffffffn];
    [key0, key1] = [BigInt.asUintN(32, key0 + 0x9e3779b9n), BigInt.asUintN(32, key1 + 0xbb67ae85n)];
  }
  return [x0, x1, x2, x3].map(Number);
}
