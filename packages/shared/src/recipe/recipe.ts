/**
 * What a recipe is: networks, phases, declared randomness, optimizers and a sampler, in one small pure file.
 *
 * Responsible for: the types a recipe's author meets, and `defineRecipe`, which infers names so that typos do not compile.
 * Not responsible for: loading recipe files (`recipe-file.ts`), checking them (`recipe-rules.ts`), running phases (`worker/src/compute/`).
 *
 * TF.js is a parameter (`tf`), never an import: the coordinator reads recipes without loading TF.js, and a recipe runs on every backend.
 */
import type * as TensorFlow from '@tensorflow/tfjs';
import type { OptimizerSpec } from './optimizers.ts';

export type Tf = typeof TensorFlow;
export type Tensor = TensorFlow.Tensor;
export type Scalar = TensorFlow.Scalar;
export type LayersModel = TensorFlow.LayersModel;

/** A network as a pure function of its inputs, with the weights of the current version. */
export interface Apply {
  /**
   * As many tensors as the model has inputs, in their order. The output; or, of a model with several, the list of them, which TypeScript
   * has to be told: `const [mean, logVariance] = networks.encoder<[Tensor, Tensor]>(real)`.
   */
  // The author says what comes out: a builder's type does not tell how many outputs its model has.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  <Output extends Tensor | readonly Tensor[] = Tensor>(...inputs: readonly Tensor[]): Output;
  /** Its parameters by name (`hidden1/kernel`), for a loss that depends on them. */
  readonly weights: Readonly<Record<string, Tensor>>;
}

/** Declared randomness: one row per sample of the batch, drawn from (seed, round, position in the batch). */
export interface InputSpec {
  /** Shape of one row, without the batch axis. */
  readonly shape: readonly number[];
  /** `normal`: mean 0, deviation 1. `uniform`: [0, 1). */
  readonly distribution: 'normal' | 'uniform';
}

/** How a field of bytes (uint8 pixels) enters the networks: as float32. */
export interface RealSpec {
  /** Shape of one sample, without the batch axis. It must have as many elements as the field has. */
  readonly shape: readonly number[];
  /** Pixel 0 maps to the first number, pixel 255 to the second, linearly. */
  readonly range: readonly [number, number];
}

/** How a field of numbers enters the networks: as it is. */
export interface NumberSpec {
  /** Shape of one sample, without the batch axis; `[]` for a label. */
  readonly shape: readonly number[];
  /** `int32` takes fields of uint8 and int32, `float32` those of float32. */
  readonly dtype: 'int32' | 'float32';
  /** For int32: values are 0 to `classes` - 1, and data with others is refused. */
  readonly classes?: number;
}

export type DataSpec = RealSpec | NumberSpec;

/** What a loss calls the number of completed steps. */
export const stepName = 'step';

/**
 * What a phase's loss sees. Data fields and declared inputs are tensors with the shard's samples on the first axis; `step` is a float32
 * scalar, the number of completed steps.
 */
export type PhaseContext<N extends string, I extends string, D extends string = never> = {
  readonly tf: Tf;
  readonly networks: Readonly<Record<N, Apply>>;
} & Readonly<Record<I | D | 'real', Tensor>> & { readonly step: Scalar };

export interface PhaseResult {
  /** A mean over the samples of the shard. */
  readonly loss: Scalar;
  /** Further means over the samples, exported as metrics. */
  readonly metrics?: Readonly<Record<string, Scalar>>;
}

/** One update of one network, or of several together. */
export interface Phase<N extends string = string, I extends string = string, D extends string = string> {
  readonly name: string;
  /** A list: one loss, whose gradients reach all of these networks. Each is updated by its own optimizer. */
  readonly updates: N | readonly N[];
  /** Times per step; default 1. Each repetition draws its own batch and noise. */
  readonly repeat?: number;
  /** What the loss reads: names from `recipe.data` or 'real', from `recipe.inputs`, and 'step'. A phase that names no data consumes none. */
  readonly inputs: readonly (I | D | 'real' | 'step')[];
  /** All randomness is a declared input: the same inputs must give the same bits. */
  readonly loss: (context: PhaseContext<N, I, D>) => PhaseResult;
}

export type GenerateContext<N extends string, I extends string> = {
  readonly tf: Tf;
  readonly networks: Readonly<Record<N, Apply>>;
} & Readonly<Record<I, Tensor>>;

export interface Recipe<N extends string = string, I extends string = string, D extends string = string> {
  readonly name: string;
  /** Default global batch. */
  readonly batchSize: number;
  /** Default length of a run. */
  readonly epochs: number;
  /** Fields of the data set that losses read, by the names that they have there (`image`, `label`). */
  readonly data?: Readonly<Record<D, DataSpec>>;
  /** The data set's first field of pictures, whatever its name: losses read it as `real`. */
  readonly real?: RealSpec;
  readonly inputs: Readonly<Record<I, InputSpec>>;
  /** Layers must be named: names are the parameters' names in checkpoints and exports. */
  readonly networks: Readonly<Record<N, (tf: Tf) => LayersModel>>;
  /** `networks`, `inputs` and `data` say which names there are, so that a typo is marked where it is. */
  readonly phases: readonly Phase<NoInfer<N>, NoInfer<I>, NoInfer<D>>[];
  readonly optimizers: Readonly<Record<NoInfer<N>, OptimizerSpec>>;
  /** Networks that compute with their kernels divided by their largest singular value (Miyato et al. 2018). */
  readonly spectralNormalization?: readonly NoInfer<N>[];
  /**
   * Pictures from declared inputs, of the shape and range of `real`, or else of the first field of `data` that has a range:
   * [n, ...shape]. A recipe without it draws no grids.
   */
  readonly generate?: (context: GenerateContext<N, I>) => Tensor;
  /** Rows of a grid, of `gridColumns` pictures each; default 8. `generate` is called for a whole grid, or for the last part of one. */
  readonly gridRows?: number;
}

/** Pictures beside each other in a grid. */
export const gridColumns = 8;

/** Pictures of a grid. */
export function gridPictures({ gridRows = 8 }: Pick<Recipe, 'gridRows'>): number {
  return gridRows * gridColumns;
}

/** Checks a recipe's types and infers its network, input and field names. Returns its argument. */
export function defineRecipe<const N extends string, const I extends string, const D extends string = never>(
  recipe: Recipe<N, I, D>,
): Recipe {
  return recipe;
}

/** The networks that a phase updates, in the order in which their gradients lie one after the other in the phase's flat. */
export function updatedNetworks({ updates }: Pick<Phase, 'updates'>): readonly string[] {
  return typeof updates === 'string' ? [updates] : updates;
}

/** Repetitions of a phase within one step. */
export function repetitions(phase: Phase): number {
  return phase.repeat ?? 1;
}
