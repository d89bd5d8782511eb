/**
 * From a TF.js initializer to the kinds that a manifest knows, so that the coordinator can draw the same distribution without TF.js.
 *
 * Responsible for: reading initializers and computing fans exactly as tfjs-layers 4.22 does (`initializers.ts` there: `computeFans`,
 * `VarianceScaling.apply`). Not responsible for: drawing (`initialFlat` in shared). An initializer's own `seed` is ignored: the run's
 * seed decides.
 */
import type { ElementInitializer, Initializer } from '@lockstep/shared';
import { canBeOrthogonal, elementCount } from '@lockstep/shared';

/** The part of TF.js's `Initializer` that is read. */
export interface LayerInitializer {
  getClassName(): string;
  getConfig(): Record<string, unknown>;
}

/** For error messages: what to use instead of an unknown initializer. */
export const knownInitializers = [
  'zeros',
  'ones',
  'constant',
  'randomNormal',
  'randomUniform',
  'truncatedNormal',
  'varianceScaling',
  'glorotNormal',
  'glorotUniform',
  'heNormal',
  'heUniform',
  'leCunNormal',
  'leCunUniform',
  'orthogonal',
  'identity',
] as const;

/**
 * The manifest's kind for a parameter of this shape, or undefined if there is none: a user's class, an identity that is not square, an
 * orthogonal matrix that would take minutes. `biasInitializer` is that of the layer, if it has one.
 */
export function initializerFor(
  initializer: LayerInitializer,
  shape: readonly number[],
  biasInitializer?: LayerInitializer,
): Initializer | undefined {
  const gain = initializer.getConfig()['gain'] as number;
  switch (initializer.getClassName()) {
    case 'Identity':
      return shape.length === 2 && shape[0] === shape[1] ? { kind: 'identity', gain } : undefined;
    case 'Orthogonal':
      return canBeOrthogonal(shape) ? { kind: 'orthogonal', gain } : undefined;
    case 'CustomInit':
      return biasInitializer === undefined ? undefined : forgetBias(biasInitializer, shape[0]! / 4);
    default:
      return elementInitializerFor(initializer, shape);
  }
}

/** What an LSTM's `unitForgetBias` makes, in a class without a name: ones for the forget gate, the second of four (Jozefowicz et al. 2015). */
function forgetBias(bias: LayerInitializer, units: number): Initializer | undefined {
  const [one, two] = [elementInitializerFor(bias, [units]), elementInitializerFor(bias, [2 * units])];
  if (one === undefined || two === undefined) return undefined;
  const ones = { kind: 'constant', value: 1 } as const;
  const parts = [
    { length: units, initializer: one },
    { length: units, initializer: ones },
    { length: 2 * units, initializer: two },
  ];
  return { kind: 'parts', parts };
}

function elementInitializerFor(initializer: LayerInitializer, shape: readonly number[]): ElementInitializer | undefined {
  const config = initializer.getConfig();
  const number = (key: string): number => config[key] as number;
  // Glorot, He and LeCun initializers all call themselves VarianceScaling, as in Keras.
  switch (initializer.getClassName()) {
    case 'Zeros':
      return { kind: 'constant', value: 0 };
    case 'Ones':
      return { kind: 'constant', value: 1 };
    case 'Constant':
      return { kind: 'constant', value: number('value') };
    case 'RandomUniform':
      return { kind: 'uniform', min: number('minval'), max: number('maxval') };
    case 'RandomNormal':
      return { kind: 'normal', mean: number('mean'), deviation: number('stddev') };
    case 'TruncatedNormal':
      return { kind: 'truncated-normal', mean: number('mean'), deviation: number('stddev') };
    case 'VarianceScaling':
      return varianceScaling(number('scale'), config['mode'] as string, config['distribution'] as string, shape);
    default:
      return undefined;
  }
}

function varianceScaling(scale: number, mode: string, distribution: string, shape: readonly number[]): ElementInitializer {
  const [fanIn, fanOut] = fans(shape);
  const fan = mode === 'fanIn' ? fanIn : mode === 'fanOut' ? fanOut : (fanIn + fanOut) / 2;
  const variance = scale / Math.max(1, fan);
  if (distribution === 'uniform') {
    const limit = Math.sqrt(3 * variance);
    return { kind: 'uniform', min: -limit, max: limit };
  }
  return { kind: 'truncated-normal', mean: 0, deviation: Math.sqrt(variance) };
}

/** Inputs to and outputs of one unit. Kernels of rank 3 to 5 are convolutions, channels last. */
function fans(shape: readonly number[]): [number, number] {
  if (shape.length === 2) return [shape[0]!, shape[1]!];
  if (shape.length >= 3 && shape.length <= 5) {
    const receptiveField = elementCount(shape.slice(0, -2));
    return [shape.at(-2)! * receptiveField, shape.at(-1)! * receptiveField];
  }
  const root = Math.sqrt(elementCount(shape));
  return [root, root];
}
