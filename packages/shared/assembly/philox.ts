/**
 * Random words and uniforms: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Responsible for: filling this module's memory with them, four blocks at a time. Not responsible for: what counters and keys mean
 * (src/rng.ts), or what lies where (src/kernels/noise.ts). Addresses may be any multiple of 4.
 */

/** Blocks c0, c0 + 1, ... of four words each, for counters (c0, c1, c2, c3) under one key. `count` is rounded up to a multiple of 16. */
export function words(target: usize, count: u32, c0: u32, c1: u32, c2: u32, c3: u32, key0: u32, key1: u32): void {
  const multiplier0 = i32x4.splat(0xd2511f53);
  const multiplier1 = i32x4.splat(0xcd9e8d57);
  let counters = i32x4.add(i32x4.splat(c0), i32x4(0, 1, 2, 3));
  for (let done: u32 = 0; done < count; done += 16) {
    // Lane i of x0 to x3 is the block of counter i.
    let x0 = counters;
    let x1 = i32x4.splat(c1);
    let x2 = i32x4.splat(c2);
    let x3 = i32x4.splat(c3);
    let keys0 = i32x4.splat(key0);
    let keys1 = i32x4.splat(key1);
    for (let round = 0; round < 10; round += 1) {
      const low0 = i64x2.extmul_low_i32x4_u(x0, multiplier0);
      const high0 = i64x2.extmul_high_i32x4_u(x0, multiplier0);
      const low1 = i64x2.extmul_low_i32x4_u(x2, multiplier1);
      const high1 = i64x2.extmul_high_i32x4_u(x2, multiplier1);
      x0 = v128.xor(v128.xor(v128.shuffle<u32>(low1, high1, 1, 3, 5, 7), x1), keys0);
      x1 = v128.shuffle<u32>(low1, high1, 0, 2, 4, 6);
      x2 = v128.xor(v128.xor(v128.shuffle<u32>(low0, high0, 1, 3, 5, 7), x3), keys1);
      x3 = v128.shuffle<u32>(low0, high0, 0, 2, 4, 6);
      keys0 = i32x4.add(keys0, i32x4.splat(0x9e3779b9));
      keys1 = i32x4.add(keys1, i32x4.splat(0xbb67ae85));
    }
    storeTransposed(target, x0, x1, x2, x3);
    counters = i32x4.add(counters, i32x4.splat(4));
    target += 64;
  }
}

/** Lane i of each becomes block i. */
function storeTransposed(target: usize, x0: v128, x1: v128, x2: v128, x3: v128): void {
  const low01 = v128.shuffle<u32>(x0, x1, 0, 4, 1, 5);
  const low23 = v128.shuffle<u32>(x2, x3, 0, 4, 1, 5);
  const high01 = v128.shuffle<u32>(x0, x1, 2, 6, 3, 7);
  const high23 = v128.shuffle<u32>(x2, x3, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<u64>(low01, low23, 0, 2));
  v128.store(target, v128.shuffle<u64>(low01, low23, 1, 3), 16);
  v128.store(target, v128.shuffle<u64>(high01, high23, 0, 2), 32);
  v128.store(target, v128.shuffle<u64>(high01, high23, 1, 3), 48);
}

/** A word's upper 24 bits as a float32 in [0, 1): exact. `count` is rounded up to a multiple of 4. */
export function uniforms(target: usize, source: usize, count: u32): void {
  for (let done: u32 = 0; done < count; done += 4) {
    const numbers = f32x4.convert_i32x4_s(i32x4.shr_u(v128.load(source), 8));
    v128.store(target, f32x4.mul(numbers, f32x4.splat(1.0 / 16777216.0)));
    target += 16;
    source += 16;
  }
}
