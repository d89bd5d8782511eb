/**
 * Standard normals from random words (Box & Muller 1958): two pairs at a time, one in each float64 lane.
 *
 * Responsible for: logarithm, sine and cosine of the arguments that 24-bit numbers give, with the same bits on every machine.
 * Not responsible for: the words (`philox.ts`), or what lies where (src/kernels/noise.ts). Addresses may be any multiple of 4.
 *
 * The functions are fdlibm's, as V8 had them for Math.log, sin and cos (v8/src/base/ieee754.cc): the same operations in the same order.
 * Where fdlibm branches, lanes take every way and a mask chooses. Left out is what no argument reaches, and what makes no difference to
 * any: a function has 2^24 arguments here, and all were compared with Math.log, sin and cos of Node 20. Of the logarithm that is all
 * beyond (0, 1], and the short cuts for powers of two and their neighbours; of sine and cosine, negative arguments, those above 2 pi,
 * short cuts for tiny ones, and every precision of the reduction but the second one (118 bits).
 *
 * fdlibm's notice: Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved. Developed at SunSoft, a Sun Microsystems, Inc.
 * business. Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is preserved.
 */

/** Two words become a pair of float64: radius * cosine, radius * sine. `count`, of words, is rounded up to a multiple of 4. */
export function normals(target: usize, source: usize, count: u32): void {
  for (let done: u32 = 0; done < count; done += 4) {
    const numbers = i32x4.shr_u(v128.load(source), 8);
    // (0, 1], safe under a logarithm; and [0, 1).
    const first = fractions(i32x4.add(v128.shuffle<u32>(numbers, numbers, 0, 2, 0, 2), i32x4.splat(1)));
    const second = fractions(v128.shuffle<u32>(numbers, numbers, 1, 3, 1, 3));
    const radius = f64x2.sqrt(mul(both(-2), logarithm(first)));
    const angle = mul(both(2 * Math.PI), second);

    // Angle = quadrant * pi / 2 + x + y, with |x| up to about pi / 4 and y its tail.
    const beyondFirst = f64x2.ge(angle, high(0x3fe921fc));
    const quadrant = v128.and(f64x2.floor(add(mul(angle, both(6.36619772367581382433e-1)), both(0.5))), beyondFirst);
    const rest = sub(angle, mul(quadrant, both(1.57079632673412561417)));
    const next = mul(quadrant, both(6.0771005063039659766e-11));
    const head = sub(rest, next);
    const tail = sub(mul(quadrant, both(2.02226624879595063154e-21)), sub(sub(rest, head), next));
    const x = sub(head, tail);
    const y = sub(sub(head, x), tail);
    const sine = kernelSine(x, y, beyondFirst);
    const cosine = kernelCosine(x, y);

    // Odd quadrants swap the two; two more turn a sign. From 2^52, a float64's lowest bits are its units.
    const integer = add(quadrant, both(4503599627370496));
    const odd = i64x2.neg(v128.and(integer, i64x2.splat(1)));
    const across = mul(radius, withSign(v128.bitselect(sine, cosine, odd), i64x2.add(integer, i64x2.splat(1))));
    const up = mul(radius, withSign(v128.bitselect(cosine, sine, odd), integer));
    v128.store(target, v128.shuffle<u64>(across, up, 0, 2));
    v128.store(target, v128.shuffle<u64>(across, up, 1, 3), 16);
    target += 32;
    source += 16;
  }
}

/** float64 rounded to float32. `count` is rounded up to a multiple of 4. */
export function narrow(target: usize, source: usize, count: u32): void {
  for (let done: u32 = 0; done < count; done += 4) {
    const first = f32x4.demote_f64x2_zero(v128.load(source));
    const second = f32x4.demote_f64x2_zero(v128.load(source, 16));
    v128.store(target, v128.shuffle<u64>(first, second, 0, 2));
    target += 16;
    source += 32;
  }
}

/** fdlibm's log. With x = 2^exponent * (1 + f), and 1 + f between the roots of 1/2 and 2. */
function logarithm(x: v128): v128 {
  const shift = i64x2.shr_u(i64x2.add(x, i64x2.splat(0x95f64 << 32)), 52);
  const exponent = i64x2.sub(shift, i64x2.splat(1023));
  const k = f64x2.convert_low_i32x4_s(v128.shuffle<u32>(exponent, exponent, 0, 2, 0, 2));
  const normalised = i64x2.sub(x, i64x2.shl(exponent, 52));
  const f = sub(normalised, both(1));
  const s = div(f, add(both(2), f));
  const z = mul(s, s);
  const w = mul(z, z);
  const even = mul(w, plus(3.999999999940941908e-1, w, plus(2.222219843214978396e-1, w, both(1.531383769920937332e-1))));
  const six = plus(1.818357216161805012e-1, w, both(1.479819860511658591e-1));
  const odd = mul(z, plus(6.66666666666673513e-1, w, plus(2.857142874366239149e-1, w, six)));
  const r = add(odd, even);
  const low = mul(k, both(1.90821492927058770002e-10));
  const halfSquare = mul(mul(both(0.5), f), f);
  const near = sub(mul(s, sub(f, r)), low);
  const far = sub(halfSquare, add(mul(s, add(halfSquare, r)), low));
  const isFar = v128.or(f64x2.ge(normalised, high(0x3ff6147a)), f64x2.lt(normalised, high(0x3fe6b852)));
  return sub(mul(k, both(6.9314718036912381649e-1)), sub(v128.bitselect(far, near, isFar), f));
}

/** fdlibm's __kernel_sin: sine of x + y. Where there is no tail, it has another order of operations. */
function kernelSine(x: v128, y: v128, hasTail: v128): v128 {
  const z = mul(x, x);
  const v = mul(z, x);
  const four = plus(2.75573137070700676789e-6, z, plus(-2.50507602534068634195e-8, z, both(1.58969099521155010221e-10)));
  const r = plus(8.33333333332248946124e-3, z, plus(-1.98412698298579493134e-4, z, four));
  const first = both(-1.66666666666666324348e-1);
  const without = add(x, mul(v, add(first, mul(z, r))));
  const withTail = sub(x, sub(sub(mul(z, sub(mul(both(0.5), y), mul(v, r))), y), mul(v, first)));
  return v128.bitselect(withTail, without, hasTail);
}

/** fdlibm's __kernel_cos: cosine of x + y. What is taken off 1 is split where it is large. */
function kernelCosine(x: v128, y: v128): v128 {
  const z = mul(x, x);
  const four = plus(-2.75573143513906633035e-7, z, plus(2.0875723212981748279e-9, z, both(-1.13596475577881948265e-11)));
  const r = mul(z, plus(4.16666666666666019037e-2, z, plus(-1.38888888888741095749e-3, z, plus(2.48015872894767294178e-5, z, four))));
  const size = f64x2.abs(x);
  // About x / 4: 0 below 0.3, constant above 0.78125.
  const quarter = v128.and(i64x2.sub(size, i64x2.splat(0x00200000 << 32)), i64x2.splat(0xffffffff << 32));
  const upTo = v128.bitselect(both(0.28125), quarter, f64x2.ge(size, high(0x3fe90001)));
  const part = v128.and(upTo, f64x2.ge(size, high(0x3fd33333)));
  return sub(sub(both(1), part), sub(sub(mul(both(0.5), z), part), sub(mul(z, r), mul(x, y))));
}

/** Integers of up to 2^24, in the two lower of four lanes, times 2^-24: exact. */
function fractions(integers: v128): v128 {
  return mul(f64x2.convert_low_i32x4_s(integers), both(1.0 / 16777216.0));
}

/** The value, negated where bit 1 of `quadrants` is set. */
function withSign(value: v128, quadrants: v128): v128 {
  return v128.xor(value, i64x2.shl(v128.and(quadrants, i64x2.splat(2)), 62));
}

/** constant + z * rest: two operations, each rounded. */
function plus(constant: f64, z: v128, rest: v128): v128 {
  return add(both(constant), mul(z, rest));
}

/** The float64 whose high 32 bits are these, in both lanes: fdlibm's limits. */
function high(bits: u64): v128 {
  return i64x2.splat(bits << 32);
}

function both(value: f64): v128 {
  return f64x2.splat(value);
}

function add(a: v128, b: v128): v128 {
  return f64x2.add(a, b);
}

function sub(a: v128, b: v128): v128 {
  return f64x2.sub(a, b);
}

function mul(a: v128, b: v128): v128 {
  return f64x2.mul(a, b);
}

function div(a: v128, b: v128): v128 {
  return f64x2.div(a, b);
}
