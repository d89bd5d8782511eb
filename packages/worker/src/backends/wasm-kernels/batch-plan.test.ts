import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { batchPlan } from './batch-plan.ts';

describe('batchPlan', () => {
  it('multiplies plain matrices once', () => {
    assert.deepEqual(batchPlan([3, 4], [4, 5], false, false), { matrixA: [3, 4], matrixB: [4, 5], pairs: [[0, 0]], outputShape: [3, 5] });
    assert.deepEqual(batchPlan([4, 3], [5, 4], true, true), { matrixA: [4, 3], matrixB: [5, 4], pairs: [[0, 0]], outputShape: [3, 5] });
  });

  it('stacks the rows of a batch that shares one right-hand matrix', () => {
    assert.deepEqual(batchPlan([7, 3, 4], [1, 4, 5], false, false), {
      matrixA: [21, 4],
      matrixB: [4, 5],
      pairs: [[0, 0]],
      outputShape: [7, 3, 5],
    });
  });

  it('pairs matrices as NumPy broadcasts batch axes', () => {
    const pairs = (a: number[], b: number[]) =>
      batchPlan([...a, 3, 4], [...b, 4, 5], false, false)
        ?.pairs.map(([left, right]) => `${left}${right}`)
        .join(' ');
    assert.equal(pairs([2], [2]), '00 11');
    assert.equal(pairs([1], [2]), '00 01');
    assert.equal(pairs([], [2]), '00 01');
    assert.equal(pairs([2, 1], [1, 3]), '00 01 02 10 11 12');
    assert.equal(pairs([2, 2], [2]), '00 11 20 31');
  });

  it('refuses shapes that have no product, and empty ones', () => {
    assert.equal(batchPlan([3, 4], [5, 6], false, false), undefined);
    assert.equal(batchPlan([2, 3, 4], [3, 4, 5], false, false), undefined);
    assert.equal(batchPlan([0, 4], [4, 5], false, false), undefined);
  });

  it('uses every matrix of both, and as many pairs as the result has matrices', () => {
    const axes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 });
    const collapsed = fc.array(fc.boolean(), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(axes, collapsed, collapsed, (batch, inA, inB) => {
        const a = batch.map((length, axis) => (inA[axis] ? 1 : length));
        const b = batch.map((length, axis) => (inB[axis] ? 1 : length));
        const size = (shape: number[]) => shape.reduce((product, length) => product * length, 1);
        // Transposed, so that nothing is stacked.
        const plan = batchPlan([...a, 4, 3], [...b, 4, 5], true, false)!;
        assert.deepEqual(
          plan.outputShape.slice(0, -2),
          batch.map((_, axis) => Math.max(a[axis]!, b[axis]!)),
        );
        assert.equal(plan.pairs.length, size(plan.outputShape.slice(0, -2)));
        assert.equal(new Set(plan.pairs.map(([left]) => left)).size, size(a));
        assert.equal(new Set(plan.pairs.map(([, right]) => right)).size, size(b));
        assert.ok(plan.pairs.every(([left, right]) => left < size(a) && right < size(b)));
      }),
    );
  });
});
