/**
 * What every backend must compute as TF.js's `cpu` backend does: the operations that recipes are made of, in plain and in odd shapes.
 *
 * Responsible for: the list. Not responsible for: evaluating it (`suite.ts`), or tolerances.
 */
import type { Tensor, Tf } from '@lockstep/shared';
import type { Computation } from '../../packages/worker/src/backends/testing/evaluate.ts';

type Image = ReturnType<Tf['tensor4d']>;

const activations: Readonly<Record<string, (tf: Tf, x: Tensor) => Tensor>> = {
  linear: (_tf, x) => x,
  relu: (tf, x) => tf.relu(x),
  leakyRelu: (tf, x) => tf.leakyRelu(x, 0.2),
  tanh: (tf, x) => tf.tanh(x),
  sigmoid: (tf, x) => tf.sigmoid(x),
};

/** [batch, inputs, outputs]; 100 inputs are more than one block of any kernel. */
const denseShapes = [
  [7, 13, 11],
  [32, 100, 64],
  [5, 128, 1],
  [1, 1, 1],
] as const;

const dense: Computation[] = Object.entries(activations).flatMap(([activation, apply]) =>
  denseShapes.map(([batch, inputs, outputs]) => ({
    name: `dense ${inputs} -> ${outputs}, ${activation}, batch ${batch}`,
    inputs: [[batch, inputs], [inputs, outputs], [outputs]],
    // Scaled as an initializer does, so that no activation saturates.
    compute: (tf, x, weights, bias) => apply(tf, tf.add(tf.matMul(x, tf.mul(weights, inputs ** -0.5)), bias)),
  })),
);

/** What tf.layers.dense calls: fused while no gradient is wanted. */
const fusedDense: Computation[] = (['linear', 'relu', 'sigmoid'] as const).map((activation) => ({
  name: `fused dense, ${activation}`,
  inputs: [[9, 100], [100, 17], [17]],
  compute: (tf, a, b, bias) => tf.fused.matMul({ a: a, b: b, bias: bias, activation }),
}));

const productShapes = [
  [1, 1, 1],
  [7, 13, 5],
  [3, 50, 1],
  [1, 64, 3],
  [65, 97, 33],
] as const;

const products: Computation[] = [false, true].flatMap((transposeA) =>
  [false, true].flatMap((transposeB) =>
    productShapes.map(([rows, shared, columns]) => ({
      name: `matMul ${rows}x${shared} by ${shared}x${columns}${transposeA ? ', A transposed' : ''}${transposeB ? ', B transposed' : ''}`,
      inputs: [transposeA ? [shared, rows] : [rows, shared], transposeB ? [columns, shared] : [shared, columns]],
      compute: (tf: Tf, a?: Tensor, b?: Tensor) => tf.matMul(a!, b!, transposeA, transposeB),
    })),
  ),
);

const batched: Computation[] = [
  {
    name: 'matMul of batches',
    inputs: [
      [3, 5, 60],
      [3, 60, 4],
    ],
    compute: (tf, a, b) => tf.matMul(a, b),
  },
  {
    name: 'matMul of batches, both transposed',
    inputs: [
      [3, 60, 5],
      [3, 4, 60],
    ],
    compute: (tf, a, b) => tf.matMul(a, b, true, true),
  },
];

/** The same weights used forwards and, through the gradient, transposed; and one tensor under two shapes. */
const shared: Computation[] = [
  {
    name: 'tied weights',
    inputs: [
      [6, 8],
      [8, 1],
    ],
    compute: (tf, x, w) => tf.matMul(tf.matMul(x, w), w, false, true),
  },
  {
    name: 'one tensor under two shapes',
    inputs: [
      [6, 8],
      [8, 4],
      [6, 4],
    ],
    compute: (tf, x, w, y) => tf.matMul(tf.matMul(x, w), tf.matMul(y, tf.reshape(w, [4, 8])), true, false),
  },
];

const convolutions: Computation[] = ([1, 2] as const).flatMap((stride) =>
  (['same', 'valid'] as const).flatMap((pad) => [
    {
      name: `conv2d, stride ${stride}, ${pad}`,
      inputs: [
        [2, 9, 8, 3],
        [3, 3, 3, 5],
      ],
      compute: (tf: Tf, x?: Tensor, filter?: Tensor) => tf.conv2d(x as Image, filter as Image, stride, pad),
    },
    {
      name: `conv2d 5x5, stride ${stride}, ${pad}`,
      inputs: [
        [3, 14, 14, 1],
        [5, 5, 1, 8],
      ],
      compute: (tf: Tf, x?: Tensor, filter?: Tensor) => tf.conv2d(x as Image, filter as Image, stride, pad),
    },
    {
      name: `conv2dTranspose, stride ${stride}, ${pad}`,
      inputs: [
        [2, 4, 5, 3],
        [3, 3, 6, 3],
      ],
      compute: (tf: Tf, x?: Tensor, filter?: Tensor) => {
        const length = (size: number) => (pad === 'same' ? size * stride : (size - 1) * stride + 3);
        return tf.conv2dTranspose(x as Image, filter as Image, [2, length(4), length(5), 6], stride, pad);
      },
    },
  ]),
);

/** A filter smaller than its stride, with sizes that need no padding, some, or some along one axis. */
const sparse: Computation[] = (
  [
    [6, 6, 2, 3],
    [8, 7, 3, 5],
    [9, 8, 2, 4],
    [4, 5, 1, 2],
  ] as const
).flatMap(([height, width, size, stride]) => [
  {
    name: `conv2d ${size}x${size} of ${height}x${width}, stride ${stride}, same`,
    inputs: [
      [2, height, width, 3],
      [size, size, 3, 5],
    ],
    compute: (tf: Tf, x?: Tensor, filter?: Tensor) => tf.conv2d(x as Image, filter as Image, stride, 'same'),
  },
  {
    name: `fused conv2d ${size}x${size} of ${height}x${width}, stride ${stride}, same`,
    inputs: [[2, height, width, 3], [size, size, 3, 5], [5]],
    compute: (tf: Tf, x?: Tensor, filter?: Tensor, bias?: Tensor) =>
      tf.fused.conv2d({ x: x as Image, filter: filter as Image, strides: stride, pad: 'same', bias: bias!, activation: 'relu' }),
  },
]);

const depthwise: Computation[] = (['same', 'valid'] as const).flatMap((pad) =>
  ([1, 2] as const).flatMap((stride) =>
    ([1, 3] as const).map((multiplier) => ({
      name: `depthwise conv2d, stride ${stride}, ${pad}, ${multiplier} outputs for each channel`,
      inputs: [
        [2, 9, 8, 4],
        [3, 2, 4, multiplier],
      ],
      compute: (tf: Tf, x?: Tensor, filter?: Tensor) => tf.depthwiseConv2d(x as Image, filter as Image, stride, pad),
    })),
  ),
);

const others: Computation[] = [
  { name: 'softplus', inputs: [[13, 7]], compute: (tf, x) => tf.softplus(tf.mul(x, 5)) },
  { name: 'leakyRelu, negative slope', inputs: [[4, 9]], compute: (tf, x) => tf.leakyRelu(x, -0.5) },
  // What a gradient penalty does. Its own gradient is the second derivative.
  ...(['relu', 'tanh'] as const).map((name) => ({
    name: `gradient of ${name}`,
    inputs: [[13, 7]],
    compute: (tf: Tf, x: Tensor) => tf.grad((inner: Tensor) => tf.square(tf[name](inner)))(x),
  })),
  {
    name: 'concat of rows',
    inputs: [
      [2, 7],
      [3, 7],
    ],
    compute: (tf, a, b) => tf.concat([a, b], 0),
  },
  {
    name: 'concat of columns',
    inputs: [
      [5, 2],
      [5, 3],
    ],
    compute: (tf, a, b) => tf.concat([a, b], 1),
  },
  { name: 'mean of all', inputs: [[13, 7]], compute: (tf, x) => tf.mean(x) },
  { name: 'mean over an axis', inputs: [[13, 7, 3]], compute: (tf, x) => tf.mean(x, 1) },
  { name: 'sum over rows', inputs: [[33, 7]], compute: (tf, x) => tf.sum(x, 0) },
  {
    name: 'neg, sub, square, div',
    inputs: [
      [5, 5],
      [5, 5],
    ],
    compute: (tf, a, b) => tf.div(tf.neg(a), tf.add(tf.square(tf.sub(a, b)), 1)),
  },
];

/** Windows without a positive number, of which TF.js's wasm kernels lose the maximum; windows of one, and of more than fit. */
const pooling: Computation[] = [
  ...([1, 2, 3] as const).flatMap((size) =>
    (['valid', 'same'] as const).map((padding) => ({
      name: `maxPool ${size}, stride 2, ${padding}, all below 0`,
      inputs: [[3, 7, 6, 2]],
      compute: (tf: Tf, x?: Tensor) => tf.maxPool(tf.sub<Image>(x!, 10), size, 2, padding),
    })),
  ),
  ...(['valid', 'same'] as const).map((padding) => ({
    name: `maxPool3d, ${padding}, all below 0`,
    inputs: [[2, 5, 4, 6, 2]],
    compute: (tf: Tf, x?: Tensor) => tf.maxPool3d(tf.sub<ReturnType<Tf['tensor5d']>>(x!, 10), 2, 2, padding),
  })),
];

/** One, the other, or no padding is needed; stride 4 leaves out part of the picture. */
const widelyStrided: Computation[] = [4, 6, 7].flatMap((size) =>
  ([1, 2] as const).flatMap((filter) =>
    ([3, 4] as const).flatMap((stride) => [
      {
        name: `conv2d ${size}x${size}, filter ${filter}, stride ${stride}, same`,
        inputs: [
          [2, size, size, 2],
          [filter, filter, 2, 3],
        ],
        compute: (tf: Tf, x?: Tensor, weights?: Tensor) => tf.conv2d(x as Image, weights as Image, stride, 'same'),
      },
    ]),
  ),
);

const oneHot: Computation = {
  name: 'oneHot as float32, smoothed',
  inputs: [[4, 5]],
  compute: (tf, x) => tf.matMul(tf.oneHot(tf.tensor1d([3, 0, 4, 9], 'int32'), 5, 0.9, 0.025, 'float32'), tf.transpose(x)),
};

/** A whole step in small: the generator's loss of a dense GAN, with all its parameters. */
const smallGan: Computation = {
  name: 'generator loss of a small GAN',
  inputs: [[16, 10], [10, 24], [24], [24, 30], [30], [30, 12], [12], [12, 1], [1]],
  compute(tf, z, ...[w1, b1, w2, b2, w3, b3, w4, b4]) {
    const layer = (x: Tensor, weights?: Tensor, bias?: Tensor) => tf.add(tf.matMul(x, tf.mul(weights!, 0.3)), bias!);
    const picture = tf.tanh(layer(tf.leakyRelu(layer(z, w1, b1), 0.2), w2, b2));
    const logits = layer(tf.leakyRelu(layer(picture, w3, b3), 0.2), w4, b4);
    return tf.mean(tf.softplus(tf.neg(logits)));
  },
};

export const computations: readonly Computation[] = [
  ...dense,
  ...fusedDense,
  ...products,
  ...batched,
  ...shared,
  ...convolutions,
  ...sparse,
  ...depthwise,
  ...others,
  ...pooling,
  ...widelyStrided,
  oneHot,
  smallGan,
];
