/**
 * Which matrices a batched product multiplies. Pure: from shapes to pairs of indices.
 *
 * Responsible for: broadcasting of batch axes (as NumPy's matmul), and flattening a batch into one product where the memory allows.
 * Not responsible for: multiplying.
 */

export interface BatchPlan {
  /** Shape of one matrix of A as stored: [rows, columns]. */
  readonly matrixA: readonly [number, number];
  readonly matrixB: readonly [number, number];
  /** For each matrix of the result in order: which matrix of A times which of B. */
  readonly pairs: readonly (readonly [number, number])[];
  readonly outputShape: readonly number[];
}

/** Undefined for shapes that have no product, or no elements. */
export function batchPlan(
  shapeA: readonly number[],
  shapeB: readonly number[],
  transposeA: boolean,
  transposeB: boolean,
): BatchPlan | undefined {
  const [rowsA = 0, columnsA = 0] = shapeA.slice(-2);
  const [rowsB = 0, columnsB = 0] = shapeB.slice(-2);
  const batchA = shapeA.slice(0, -2);
  const batchB = shapeB.slice(0, -2);
  const batch = broadcast(batchA, batchB);
  const sharedA = transposeA ? rowsA : columnsA;
  const sharedB = transposeB ? columnsB : rowsB;
  if (batch === undefined || sharedA !== sharedB || product(shapeA) === 0 || product(shapeB) === 0) return undefined;
  const rows = transposeA ? columnsA : rowsA;
  const outputShape = [...batch, rows, transposeB ? rowsB : columnsB];
  // One B for all of A: the rows of all matrices of A are one tall matrix.
  if (product(batchB) === 1 && !transposeA) {
    return { matrixA: [product(batch) * rowsA, columnsA], matrixB: [rowsB, columnsB], pairs: [[0, 0]], outputShape };
  }
  const pairs = Array.from({ length: product(batch) }, (_, index) => {
    return [sourceIndex(index, batch, batchA), sourceIndex(index, batch, batchB)] as const;
  });
  return { matrixA: [rowsA, columnsA], matrixB: [rowsB, columnsB], pairs, outputShape };
}

/** The shape both broadcast to, or undefined. */
function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const lengthA = a[axis - rank + a.length] ?? 1;
    const lengthB = b[axis - rank + b.length] ?? 1;
    if (lengthA !== lengthB && lengthA !== 1 && lengthB !== 1) return undefined;
    shape.push(lengthA === 1 ? lengthB : lengthA);
  }
  return shape;
}

/** The place in a tensor of shape `source` of element `index` of the shape it broadcasts to. */
function sourceIndex(index: number, target: readonly number[], source: readonly number[]): number {
  let rest = index;
  let stride = 1;
  let place = 0;
  for (let axis = target.length - 1; axis >= 0; axis -= 1) {
    const length = target[axis] ?? 1;
    const sourceLength = source[axis - target.length + source.length] ?? 1;
    if (sourceLength !== 1) place += (rest % length) * stride;
    stride *= sourceLength;
    rest = Math.floor(rest / length);
  }
  return place;
}

function product(shape: readonly number[]): number {
  return shape.reduce((size, length) => size * length, 1);
}
