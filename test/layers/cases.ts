/**
 * One small use of every layer of TF.js, between an input and a dense layer: what `docs/layers.md` tells about.
 *
 * Responsible for: the uses. Not responsible for: trying them (`try.ts`), or the document (`layers.test.ts`).
 */
import type { Tf } from '@lockstep/shared';

export type Symbolic = ReturnType<Tf['input']>;

export interface LayerCase {
  /** Of one sample. */
  readonly shape: readonly number[];
  /** Samples are whole numbers below this. */
  readonly integersBelow?: number;
  readonly apply: (tf: Tf, input: Symbolic) => Symbolic;
  /** Nothing that is trained comes before it, so that no gradient has to pass through. */
  readonly isFirst?: true;
  /** TF.js's `cpu` backend is wrong: the others are compared with each other. */
  readonly cpuIsWrong?: true;
}

interface AnyLayer {
  apply(inputs: Symbolic | Symbolic[]): unknown;
}

const through =
  (build: (tf: Tf) => AnyLayer): LayerCase['apply'] =>
  (tf, input) =>
    build(tf).apply(input) as Symbolic;
/** The input, and what a dense layer makes of it. */
const merging =
  (build: (tf: Tf) => AnyLayer): LayerCase['apply'] =>
  (tf, input) => {
    const other = tf.layers.dense({ name: 'other', units: input.shape.at(-1)! }).apply(input) as Symbolic;
    return build(tf).apply([input, other]) as Symbolic;
  };

const vector = [6];
const sequence = [5, 3];
const image = [6, 6, 2];
const volume = [4, 4, 4, 2];
const film = [3, 4, 4, 2];
const name = 'it';

/** By the name of `tf.layers`; what follows a comma says which use. */
export const layerCases: Readonly<Record<string, LayerCase>> = {
  activation: { shape: vector, apply: through((tf) => tf.layers.activation({ activation: 'sigmoid' })) },
  add: { shape: vector, apply: merging((tf) => tf.layers.add()) },
  alphaDropout: { shape: vector, apply: through((tf) => tf.layers.alphaDropout({ rate: 0.3 })) },
  average: { shape: vector, apply: merging((tf) => tf.layers.average()) },
  averagePooling1d: { shape: sequence, apply: through((tf) => tf.layers.averagePooling1d({ poolSize: 2 })) },
  averagePooling2d: { shape: image, apply: through((tf) => tf.layers.averagePooling2d({ poolSize: 2 })) },
  averagePooling3d: { shape: volume, apply: through((tf) => tf.layers.averagePooling3d({ poolSize: 2 })) },
  batchNormalization: { shape: vector, apply: through((tf) => tf.layers.batchNormalization({ name })) },
  bidirectional: {
    shape: sequence,
    apply: through((tf) => tf.layers.bidirectional({ name, layer: tf.layers.gru({ name: 'inner', units: 2 }), mergeMode: 'concat' })),
  },
  categoryEncoding: {
    shape: [2],
    integersBelow: 4,
    apply: through((tf) => tf.layers.categoryEncoding({ numTokens: 4, outputMode: 'multiHot' })),
  },
  'centerCrop, first': { shape: image, isFirst: true, apply: through((tf) => tf.layers.centerCrop({ height: 4, width: 4 })) },
  centerCrop: { shape: image, apply: through((tf) => tf.layers.centerCrop({ height: 4, width: 4 })) },
  concatenate: { shape: vector, apply: merging((tf) => tf.layers.concatenate()) },
  conv1d: { shape: sequence, apply: through((tf) => tf.layers.conv1d({ name, filters: 2, kernelSize: 3 })) },
  conv2d: { shape: image, apply: through((tf) => tf.layers.conv2d({ name, filters: 2, kernelSize: 3 })) },
  'conv2d, same, strides 2': {
    shape: image,
    apply: through((tf) => tf.layers.conv2d({ name, filters: 2, kernelSize: 3, strides: 2, padding: 'same' })),
  },
  'conv2d, filter smaller than its stride': {
    shape: image,
    apply: through((tf) => tf.layers.conv2d({ name, filters: 2, kernelSize: 1, strides: 2, padding: 'same' })),
  },
  'conv2d, dilated': { shape: image, apply: through((tf) => tf.layers.conv2d({ name, filters: 2, kernelSize: 2, dilationRate: 2 })) },
  conv2dTranspose: {
    shape: image,
    apply: through((tf) => tf.layers.conv2dTranspose({ name, filters: 2, kernelSize: 4, strides: 2, padding: 'same' })),
  },
  'conv3d, first': { shape: volume, isFirst: true, apply: through((tf) => tf.layers.conv3d({ name, filters: 2, kernelSize: 2 })) },
  conv3d: { shape: volume, apply: through((tf) => tf.layers.conv3d({ name, filters: 2, kernelSize: 2 })) },
  conv3dTranspose: { shape: volume, apply: through((tf) => tf.layers.conv3dTranspose({ name, filters: 2, kernelSize: 2 })) },
  convLstm2d: { shape: film, apply: through((tf) => tf.layers.convLstm2d({ name, filters: 2, kernelSize: 2 })) },
  cropping2D: {
    shape: image,
    apply: through((tf) =>
      tf.layers.cropping2D({
        cropping: [
          [1, 1],
          [1, 0],
        ],
      }),
    ),
  },
  dense: { shape: vector, apply: through((tf) => tf.layers.dense({ name, units: 3, activation: 'relu' })) },
  depthwiseConv2d: { shape: image, apply: through((tf) => tf.layers.depthwiseConv2d({ name, kernelSize: 3 })) },
  dot: { shape: vector, apply: merging((tf) => tf.layers.dot({ axes: -1 })) },
  dropout: { shape: vector, apply: through((tf) => tf.layers.dropout({ rate: 0.3 })) },
  'dropout, recurrent': { shape: sequence, apply: through((tf) => tf.layers.lstm({ name, units: 2, dropout: 0.3 })) },
  elu: { shape: vector, apply: through((tf) => tf.layers.elu()) },
  embedding: { shape: [3], integersBelow: 5, apply: through((tf) => tf.layers.embedding({ name, inputDim: 5, outputDim: 2 })) },
  flatten: { shape: image, apply: through((tf) => tf.layers.flatten()) },
  gaussianDropout: { shape: vector, apply: through((tf) => tf.layers.gaussianDropout({ rate: 0.3 })) },
  gaussianNoise: { shape: vector, apply: through((tf) => tf.layers.gaussianNoise({ stddev: 0.3 })) },
  globalAveragePooling1d: { shape: sequence, apply: through((tf) => tf.layers.globalAveragePooling1d({})) },
  globalAveragePooling2d: { shape: image, apply: through((tf) => tf.layers.globalAveragePooling2d({})) },
  globalMaxPooling1d: { shape: sequence, apply: through((tf) => tf.layers.globalMaxPooling1d({})) },
  globalMaxPooling2d: { shape: image, apply: through((tf) => tf.layers.globalMaxPooling2d({})) },
  gru: { shape: sequence, apply: through((tf) => tf.layers.gru({ name, units: 2 })) },
  layerNormalization: { shape: vector, apply: through((tf) => tf.layers.layerNormalization({ name })) },
  leakyReLU: { shape: vector, apply: through((tf) => tf.layers.leakyReLU({ alpha: 0.2 })) },
  lstm: { shape: sequence, apply: through((tf) => tf.layers.lstm({ name, units: 2, unitForgetBias: true })) },
  'masking, first': {
    shape: sequence,
    isFirst: true,
    apply: (tf, input) => {
      const masked = tf.layers.masking({ maskValue: 0 }).apply(input) as Symbolic;
      return tf.layers.simpleRNN({ name, units: 2 }).apply(masked) as Symbolic;
    },
  },
  masking: {
    shape: sequence,
    apply: (tf, input) => {
      const masked = tf.layers.masking({ maskValue: 0 }).apply(input) as Symbolic;
      return tf.layers.simpleRNN({ name, units: 2 }).apply(masked) as Symbolic;
    },
  },
  maxPooling1d: { shape: sequence, apply: through((tf) => tf.layers.maxPooling1d({ poolSize: 2 })) },
  maxPooling2d: { shape: image, apply: through((tf) => tf.layers.maxPooling2d({ poolSize: 2 })) },
  maxPooling3d: { shape: volume, apply: through((tf) => tf.layers.maxPooling3d({ poolSize: 2 })) },
  maximum: { shape: vector, apply: merging((tf) => tf.layers.maximum()) },
  minimum: { shape: vector, apply: merging((tf) => tf.layers.minimum()) },
  multiply: { shape: vector, apply: merging((tf) => tf.layers.multiply()) },
  permute: { shape: sequence, apply: through((tf) => tf.layers.permute({ dims: [2, 1] })) },
  prelu: { shape: vector, apply: through((tf) => tf.layers.prelu({ name })) },
  randomWidth: { shape: image, apply: through((tf) => tf.layers.randomWidth({ factor: 0.3 })) },
  reLU: { shape: vector, apply: through((tf) => tf.layers.reLU()) },
  repeatVector: { shape: vector, apply: through((tf) => tf.layers.repeatVector({ n: 2 })) },
  rescaling: { shape: image, apply: through((tf) => tf.layers.rescaling({ scale: 2, offset: 1 })) },
  reshape: { shape: vector, apply: through((tf) => tf.layers.reshape({ targetShape: [2, 3] })) },
  resizing: { shape: image, apply: through((tf) => tf.layers.resizing({ height: 4, width: 5 })) },
  rnn: {
    shape: sequence,
    apply: through((tf) => tf.layers.rnn({ name, cell: [tf.layers.gruCell({ units: 2 }), tf.layers.simpleRNNCell({ units: 2 })] })),
  },
  separableConv2d: { shape: image, apply: through((tf) => tf.layers.separableConv2d({ name, filters: 2, kernelSize: 3 })) },
  simpleRNN: { shape: sequence, apply: through((tf) => tf.layers.simpleRNN({ name, units: 2 })) },
  softmax: { shape: vector, apply: through((tf) => tf.layers.softmax({ axis: -1 })) },
  spatialDropout1d: { shape: sequence, apply: through((tf) => tf.layers.spatialDropout1d({ rate: 0.3 })) },
  thresholdedReLU: { shape: vector, apply: through((tf) => tf.layers.thresholdedReLU({ theta: 0.3 })) },
  timeDistributed: {
    shape: sequence,
    apply: through((tf) => tf.layers.timeDistributed({ name, layer: tf.layers.dense({ name: 'inner', units: 2 }) })),
  },
  upSampling2d: { shape: image, apply: through((tf) => tf.layers.upSampling2d({ size: [2, 2] })), cpuIsWrong: true },
  'upSampling2d, bilinear': { shape: image, apply: through((tf) => tf.layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' })) },
  zeroPadding2d: { shape: image, apply: through((tf) => tf.layers.zeroPadding2d({ padding: 1 })) },
};

/** Of `tf.layers`: bases, parts of recurrent layers, inputs, and second names of layers above. */
export const notLayers: readonly string[] = [
  'Layer',
  'RNN',
  'RNNCell',
  'input',
  'inputLayer',
  'convLstm2dCell',
  'gruCell',
  'lstmCell',
  'simpleRNNCell',
  'stackedRNNCells',
  'avgPool1d',
  'avgPool2d',
  'avgPool3d',
  'avgPooling1d',
  'avgPooling2d',
  'avgPooling3d',
  'globalMaxPool1d',
  'globalMaxPool2d',
  'maxPool1d',
  'maxPool2d',
];
