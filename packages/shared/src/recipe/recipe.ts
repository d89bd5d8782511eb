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

/** A network as a pure function of its input, with the weights of the current version. */
export type Apply = (input: Tensor) => Tensor;

/** Declared randomness: one row per sample of the batch, drawn from (seed, round, position in the batch). */
export interface InputSpec {
  /** Shape of one row, without the batch axis. */
  readonly shape: readonly number[];
  /** `normal`: mean 0, deviation 1. `uniform`: [0, 1). */
  readonly distribution: 'normal' | 'uniform';
}

/** How one data sample (uint8 pixels) enters the networks. */
export interface RealSpec {
  /** Shape of one sample, without the batch axis. Its product must equal the pixels of one image. */
  readonly shape: readonly number[];
  /** Pixel 0 maps to the first number, pixel 255 to the second, linearly. */
  readonly range: readonly [number, number];
}

/** What a phase's loss sees. `real` and each declared input are tensors with the shard's samples on the first axis. */
export type PhaseContext<N extends string, I extends string> = {
  readonly tf: Tf;
  readonly networks: Readonly<Record<N, Apply>>;
} & Readonly<Record<I | 'real', Tensor>>;

export interface PhaseResult {
  /** A mean over the samples of the shard. */
  readonly loss: Scalar;
  /** Further means over the samples, exported as metrics. */
  readonly metrics?: Readonly<Record<string, Scalar>>;
}

/** One update of one network, or of several together. */
export interface Phase<N extends string = string, I extends string = string> {
  readonly name: string;
  /** A list: one loss, whose gradients reach all of these networks. Each is updated by its own optimizer. */
  readonly updates: N | readonly N[];
  /** Times per step; default 1. Each repetition draws its own batch and noise. */
  readonly repeat?: number;
  /** What the loss reads: 'real' and/or names from `recipe.inputs`. A phase that does not name 'real' consumes no data. */
  readonly inputs: readonly (I | 'real')[];
  /** All randomness is a declared input: the same inputs must give the same bits. */
  readonly loss: (context: PhaseContext<N, I>) => PhaseResult;
}

export type GenerateContext<N extends string, I extends string> = {
  readonly tf: Tf;
  readonly networks: Readonly<Record<N, Apply>>;
} & Readonly<Record<I, Tensor>>;

export interface Recipe<N extends string = string, I extends string = string> {
  readonly name: string;
  /** Default global batch. */
  readonly batchSize: number;
  /** Default length of a run. */
  readonly epochs: number;
  readonly real: RealSpec;
  readonly inputs: Readonly<Record<I, InputSpec>>;
  /** Layers must be named: names are the parameters' names in checkpoints and exports. */
  readonly networks: Readonly<Record<N, (tf: Tf) => LayersModel>>;
  /** `networks` and `inputs` say which names there are, so that a typo is marked where it is. */
  readonly phases: readonly Phase<NoInfer<N>, NoInfer<I>>[];
  readonly optimizers: Readonly<Record<NoInfer<N>, OptimizerSpec>>;
  /** Pictures from declared inputs: [n, ...real.shape], in `real.range`. */
  readonly generate: (context: GenerateContext<N, I>) => Tensor;
}

/** Checks a recipe's types and infers its network and input names. Returns its argument. */
export function defineRecipe<const N extends string, const I extends string>(recipe: Recipe<N, I>): Recipe {
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
