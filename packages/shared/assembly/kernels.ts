/**
 * Arithmetic over flats as float32 SIMD WebAssembly. AssemblyScript: `npm run kernels` compiles it into src/kernels/kernels.wasm.ts.
 *
 * Responsible for: element-wise loops over this module's memory. Not responsible for: what lies where in that memory, lengths that are no
 * multiple of 8 (the callers pad), constants (the callers round them), or the order in which flats are added.
 *
 * Every operation is one IEEE 754 operation rounded to its own width: WebAssembly has no contraction and no flush to zero, and neither
 * the compiler nor the engine may reorder. So the bits equal those of a plain loop (src/kernels/testing/reference.ts), element by element.
 *
 * All addresses are in bytes, multiples of 16; `count` is in elements and a multiple of 8. Loops count down rather than compare
 * addresses, so that a flat may end where the address space does.
 */

/** target[i] = f(target[i] + source[i]). */
export function add(target: usize, source: usize, count: u32): void {
  for (let left = count; left >= 8; left -= 8) {
    v128.store(target, f32x4.add(v128.load(target), v128.load(source)));
    v128.store(target, f32x4.add(v128.load(target, 16), v128.load(source, 16)), 16);
    target += 32;
    source += 32;
  }
}

/** Eight float64 sums at `lanes`: lanes[i mod 8] += source[i]^2, each square exact, each addition rounded to float64. */
export function addSquares(lanes: usize, source: usize, count: u32): void {
  let sum01 = v128.load(lanes);
  let sum23 = v128.load(lanes, 16);
  let sum45 = v128.load(lanes, 32);
  let sum67 = v128.load(lanes, 48);
  for (let left = count; left >= 8; left -= 8) {
    const low = v128.load(source);
    const high = v128.load(source, 16);
    sum01 = addSquaresOfLowHalf(sum01, low);
    sum23 = addSquaresOfLowHalf(sum23, v128.shuffle<u64>(low, low, 1, 0));
    sum45 = addSquaresOfLowHalf(sum45, high);
    sum67 = addSquaresOfLowHalf(sum67, v128.shuffle<u64>(high, high, 1, 0));
    source += 32;
  }
  v128.store(lanes, sum01);
  v128.store(lanes, sum23, 16);
  v128.store(lanes, sum45, 32);
  v128.store(lanes, sum67, 48);
}

/** One step of two lanes. The compiler inlines it. */
function addSquaresOfLowHalf(sums: v128, values: v128): v128 {
  const wide = f64x2.promote_low_f32x4(values);
  return f64x2.add(sums, f64x2.mul(wide, wide));
}

/**
 * Four pairs of uint32 sums at `sums`, after Fletcher ("An arithmetic checksum for serial transmissions", 1982), modulo 2^32: word i is added
 * to a[i mod 4], which has been rotated left by 5 bits, and that to b[i mod 4]. Without rotating, two changed signs would often cancel.
 */
export function checksum(sums: usize, source: usize, count: u32): void {
  let a = v128.load(sums);
  let b = v128.load(sums, 16);
  for (let left = count; left >= 8; left -= 8) {
    a = i32x4.add(rotated(a), v128.load(source));
    b = i32x4.add(b, a);
    a = i32x4.add(rotated(a), v128.load(source, 16));
    b = i32x4.add(b, a);
    source += 32;
  }
  v128.store(sums, a);
  v128.store(sums, b, 16);
}

function rotated(words: v128): v128 {
  return v128.or(i32x4.shl(words, 5), i32x4.shr_u(words, 27));
}

/** Gradient descent, with d = f(gradient[i] * scale): weights[i] = f(f(negativeRate * d) + weights[i]). */
export function descend(weights: usize, gradient: usize, count: u32, scale: f32, negativeRate: f32): void {
  const scales = f32x4.splat(scale);
  const rates = f32x4.splat(negativeRate);
  for (let left = count; left >= 4; left -= 4) {
    const direction = f32x4.mul(v128.load(gradient), scales);
    v128.store(weights, f32x4.add(f32x4.mul(rates, direction), v128.load(weights)));
    weights += 16;
    gradient += 16;
  }
}

/** The same along velocity[i] = f(f(momentum * velocity[i]) + d). */
export function descendWithMomentum(
  weights: usize,
  gradient: usize,
  velocity: usize,
  count: u32,
  scale: f32,
  momentum: f32,
  negativeRate: f32,
): void {
  const scales = f32x4.splat(scale);
  const momenta = f32x4.splat(momentum);
  const rates = f32x4.splat(negativeRate);
  for (let left = count; left >= 4; left -= 4) {
    const direction = f32x4.add(f32x4.mul(momenta, v128.load(velocity)), f32x4.mul(v128.load(gradient), scales));
    v128.store(velocity, direction);
    v128.store(weights, f32x4.add(f32x4.mul(rates, direction), v128.load(weights)));
    weights += 16;
    gradient += 16;
    velocity += 16;
  }
}

/** target[i] = the value in [-limit, limit] that is nearest to it. */
export function clip(target: usize, count: u32, limit: f32): void {
  const highest = f32x4.splat(limit);
  const lowest = f32x4.splat(-limit);
  for (let left = count; left >= 4; left -= 4) {
    v128.store(target, f32x4.max(f32x4.min(v128.load(target), highest), lowest));
    target += 16;
  }
}

/** RMSProp without momentum; constants and order of operations as in packages/coordinator/src/training/optimizer/update-rules.ts. */
export function rmsprop(weights: usize, gradient: usize, v: usize, count: u32, scale: f32, decay: f32, c: f32, e: f32, rate: f32): void {
  const scales = f32x4.splat(scale);
  const decays = f32x4.splat(decay);
  const cs = f32x4.splat(c);
  const es = f32x4.splat(e);
  const rates = f32x4.splat(rate);
  for (let left = count; left >= 4; left -= 4) {
    const g = f32x4.mul(v128.load(gradient), scales);
    const newV = f32x4.add(f32x4.mul(v128.load(v), decays), f32x4.mul(f32x4.mul(g, g), cs));
    v128.store(v, newV);
    const change = f32x4.div(f32x4.mul(g, rates), f32x4.sqrt(f32x4.add(newV, es)));
    v128.store(weights, f32x4.sub(v128.load(weights), change));
    weights += 16;
    gradient += 16;
    v += 16;
  }
}

/** RMSProp with momentum: the same change, added to a velocity. */
export function rmspropWithMomentum(
  weights: usize,
  gradient: usize,
  v: usize,
  velocity: usize,
  count: u32,
  scale: f32,
  decay: f32,
  c: f32,
  e: f32,
  momentum: f32,
  rate: f32,
): void {
  const scales = f32x4.splat(scale);
  const decays = f32x4.splat(decay);
  const cs = f32x4.splat(c);
  const es = f32x4.splat(e);
  const momenta = f32x4.splat(momentum);
  const rates = f32x4.splat(rate);
  for (let left = count; left >= 4; left -= 4) {
    const g = f32x4.mul(v128.load(gradient), scales);
    const newV = f32x4.add(f32x4.mul(v128.load(v), decays), f32x4.mul(f32x4.mul(g, g), cs));
    v128.store(v, newV);
    const change = f32x4.div(f32x4.mul(g, rates), f32x4.sqrt(f32x4.add(newV, es)));
    const newVelocity = f32x4.add(f32x4.mul(v128.load(velocity), momenta), change);
    v128.store(velocity, newVelocity);
    v128.store(weights, f32x4.sub(v128.load(weights), newVelocity));
    weights += 16;
    gradient += 16;
    v += 16;
    velocity += 16;
  }
}

/** Adam and AdamW; constants and order of operations as in packages/coordinator/src/training/optimizer/update-rules.ts. */
export function adam(
  weights: usize,
  gradient: usize,
  m: usize,
  v: usize,
  count: u32,
  scale: f32,
  b1: f32,
  b2: f32,
  c1: f32,
  c2: f32,
  r1: f32,
  r2: f32,
  e: f32,
  negativeRate: f32,
  keep: f32,
): void {
  const keeps = f32x4.splat(keep);
  const scales = f32x4.splat(scale);
  const b1s = f32x4.splat(b1);
  const b2s = f32x4.splat(b2);
  const c1s = f32x4.splat(c1);
  const c2s = f32x4.splat(c2);
  const r1s = f32x4.splat(r1);
  const r2s = f32x4.splat(r2);
  const es = f32x4.splat(e);
  const rates = f32x4.splat(negativeRate);
  for (let left = count; left >= 4; left -= 4) {
    const g = f32x4.mul(v128.load(gradient), scales);
    const newM = f32x4.add(f32x4.mul(v128.load(m), b1s), f32x4.mul(g, c1s));
    const newV = f32x4.add(f32x4.mul(v128.load(v), b2s), f32x4.mul(f32x4.mul(g, g), c2s));
    v128.store(m, newM);
    v128.store(v, newV);
    const direction = f32x4.div(f32x4.div(newM, r1s), f32x4.add(f32x4.sqrt(f32x4.div(newV, r2s)), es));
    v128.store(weights, f32x4.add(f32x4.mul(direction, rates), f32x4.mul(v128.load(weights), keeps)));
    weights += 16;
    gradient += 16;
    m += 16;
    v += 16;
  }
}
