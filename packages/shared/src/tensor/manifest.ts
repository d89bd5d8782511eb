/**
 * A network's parameters by name, and where each lies in its flat.
 *
 * Responsible for: the manifest's types and its total length. Workers read it off the built model and report it in READY;
 * the coordinator draws initial weights, writes checkpoints and exports from it, without TensorFlow.
 */
import { elementCount } from '../shape.ts';

/** How a parameter starts, each number by itself. Fans are computed by the worker, which knows the layer. */
export type ElementInitializer =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly min: number; readonly max: number }
  | { readonly kind: 'normal'; readonly mean: number; readonly deviation: number }
  /** Values further than two deviations from the mean are drawn again. */
  | { readonly kind: 'truncated-normal'; readonly mean: number; readonly deviation: number };

export type Initializer =
  | ElementInitializer
  /** `gain` times a square identity matrix. */
  | { readonly kind: 'identity'; readonly gain: number }
  /** `gain` times a matrix with orthonormal columns, or rows where there are fewer of these. */
  | { readonly kind: 'orthogonal'; readonly gain: number }
  /** A vector in parts, such as the bias of an LSTM. */
  | { readonly kind: 'parts'; readonly parts: readonly { readonly length: number; readonly initializer: ElementInitializer }[] };

export interface Parameter {
  /** `layer/kernel`, as TF.js names it in `model.json`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** First element in the flat. */
  readonly offset: number;
  readonly initializer: Initializer;
}

/** Where the parameters of a flat lie in it. */
export interface Layout<P extends Parameter = Parameter> {
  readonly parameters: readonly P[];
  /** Elements in the flat. */
  readonly length: number;
}

/** What a network keeps beside its parameters and does not train, such as the moving averages of batch normalization. */
export interface StateParameter extends Parameter {
  /** Share of the old value that a commit keeps; the rest comes from the moments that the shards sent. */
  readonly momentum: number;
  /** For spectral normalization: the parameter that the network divides by its largest singular value. */
  readonly normalizes?: string;
}

export interface Manifest extends Layout {
  /** The state's own flat. Absent for a network without state. */
  readonly state?: Layout<StateParameter>;
  /** Layer topology as `tf.LayersModel.toJSON` gives it, for export. */
  readonly topology: Readonly<Record<string, unknown>>;
}

/** Manifests by network name, in recipe order. */
export type Manifests = Readonly<Record<string, Manifest>>;

/** A gigabyte of float32: what one frame may carry. */
const maximumParameters = 2 ** 28;

/** Elements of what a phase gives for these networks together: the gradient of each in turn, then the moments of each that has state. */
export function answerLength(manifests: readonly Manifest[]): number {
  return manifests.reduce((sum, { length, state }) => sum + length + (state?.length ?? 0), 0);
}

/** What is wrong with manifests that a peer reported for these networks, if anything: parameters must fill each flat back to back. */
export function manifestFault(manifests: Manifests, networks: readonly string[]): string | undefined {
  if (Object.keys(manifests).toSorted().join() !== networks.toSorted().join()) {
    return `it has the networks ${Object.keys(manifests).join(', ')} instead of ${networks.join(', ')}`;
  }
  for (const [network, { state, ...weights }] of Object.entries(manifests)) {
    const fault = layoutFault(network, weights) ?? (state === undefined ? undefined : layoutFault(network, state));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function layoutFault(network: string, { parameters, length }: Layout): string | undefined {
  let offset = 0;
  for (const parameter of parameters) {
    if (parameter.offset !== offset) return `parameter ${parameter.name} of ${network} starts at ${parameter.offset} instead of ${offset}`;
    offset += elementCount(parameter.shape);
  }
  if (offset !== length || length > maximumParameters) return `${network} has ${length} elements where its parameters have ${offset}`;
  if (new Set(parameters.map(({ name }) => name)).size !== parameters.length) return `${network} names a parameter twice`;
  return undefined;
}
