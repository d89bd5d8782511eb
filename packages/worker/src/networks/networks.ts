/**
 * A recipe's networks: built once, then used as pure functions of weight tensors.
 *
 * Responsible for: building the TF.js models, reading their manifests, cutting a flat into tensors, and running a network with given
 * tensors. Not responsible for: what a network may contain (`network-rules.ts`), versions of weights (`compute.ts`).
 *
 * TF.js models own their variables. For the length of one call the variables' tensors are exchanged for the given ones, so the model is
 * a pure function and gradients reach the given tensors. Nothing is ever written into a variable: on wasm, matMul keeps packed copies of
 * weights and would use stale ones.
 */
import type {
  Apply,
  Initializer,
  Layout,
  LayersModel,
  Manifest,
  Manifests,
  Parameter,
  Recipe,
  StateParameter,
  Tensor,
  Tf,
} from '@lockstep/shared';
import { elementCount, LockstepError } from '@lockstep/shared';
import { isBatchNormalization, type LayerVariable, type Moved, reportMoments } from './batch-normalization.ts';
import { composeEmbedding } from './embedding.ts';
import type { LayerInitializer } from './initializers.ts';
import { initializerFor, knownInitializers } from './initializers.ts';
import { checkNetwork, layersOf, refuse } from './network-rules.ts';
import { feedNoise } from './noise-layers.ts';
import { type Pass, plainPass } from './pass.ts';
import { divided, kernelsOf, vectorOf } from './spectral-normalization.ts';
import { topologyOf } from './topology.ts';

/** Tensors of one network's parameters, in manifest order; then those of its state, if it has any. */
export type Weights = readonly Tensor[];

export interface Network {
  readonly manifest: Manifest;
  /** Whether any of its layers takes noise from the pass. */
  readonly drawsNoise: boolean;
  /** What its passes report moments of, in the order of the manifest's state. */
  readonly state: readonly object[];
  /** New tensors with the values of a flat. The flat must not be written afterwards: a backend may read it later. */
  split(flat: Float32Array): Tensor[];
  /** The same of a flat of its state. */
  splitState(flat: Float32Array): Tensor[];
  /** The network with these weights. */
  withWeights(weights: Weights, pass?: Pass): Apply;
  /** The sum of what its layers' regularizers give for these weights; undefined if none has one. */
  penalty(weights: Weights): Tensor | undefined;
  dispose(): void;
}

/** Builds every network of the recipe, in recipe order. Throws LockstepError('recipe-invalid') for one that breaks a rule. */
export function buildNetworks(tf: Tf, recipe: Recipe): Readonly<Record<string, Network>> {
  const built: Record<string, Network> = {};
  for (const name of Object.keys(recipe.networks)) built[name] = buildNetwork(tf, recipe, name);
  return built;
}

export function manifestsOf(networks: Readonly<Record<string, Network>>): Manifests {
  return Object.fromEntries(Object.entries(networks).map(([name, network]) => [name, network.manifest]));
}

function buildNetwork(tf: Tf, recipe: Recipe, name: string): Network {
  const place = `Recipe '${recipe.name}', network '${name}'`;
  const settings = new Map<unknown, WeightSettings>();
  const model = recordingSettings(tf, place, settings, () => callBuilder(tf, recipe, name, place));
  checkNetwork(model, place);
  const variables = model.trainableWeights as unknown as LayerVariable[];
  let current: Pass = plainPass;
  const layers = layersOf(model);
  for (const layer of layers) composeEmbedding(tf, layer);
  // For every layer: `some` would stop at the first.
  const drawsNoise = layers.filter((layer) => feedNoise(tf, layer, () => current)).length > 0;
  const moved = layers.filter(isBatchNormalization).flatMap((layer) => reportMoments(tf, layer, () => current));
  const layoutOf = (of: readonly LayerVariable[]): Layout => readLayout(of, settings, place);
  const state = moved.map(({ variable }) => variable);
  const layout = layoutOf(variables);
  const kernels = recipe.spectralNormalization?.includes(name) === true ? kernelsOf(layout, place) : [];
  const manifest: Manifest = { ...layout, ...stateOf(moved, layoutOf, kernels), topology: topologyOf(model) };
  return {
    manifest,
    drawsNoise,
    state: [...state, ...kernels],
    split: (flat) => splitFlat(tf, manifest, flat),
    splitState: (flat) => splitFlat(tf, manifest.state!, flat),
    withWeights(weights, pass = plainPass) {
      const used = divided(tf, manifest, kernels, weights, pass);
      const call = (...inputs: Tensor[]): Tensor | Tensor[] => {
        checkInputs(model, name, inputs);
        current = pass;
        const run = (): Tensor | Tensor[] => model.apply(inputs, { training: pass.training }) as Tensor | Tensor[];
        return withTensors([...variables, ...state], used, run);
      };
      const byName = { get: () => Object.fromEntries(manifest.parameters.map((parameter, index) => [parameter.name, weights[index]!])) };
      return Object.defineProperty(call, 'weights', byName) as unknown as Apply;
    },
    penalty(weights) {
      const penalties = variables.flatMap((variable, index) => settings.get(variable)?.regularizer?.apply(weights[index]!) ?? []);
      return penalties.length === 0 ? undefined : penalties.reduce((sum, penalty) => tf.add(sum, penalty));
    },
    dispose: () => void model.dispose(),
  };
}

function callBuilder(tf: Tf, recipe: Recipe, name: string, place: string): LayersModel {
  let model: unknown;
  try {
    model = recipe.networks[name]!(tf);
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    throw new LockstepError('recipe-invalid', `${place} cannot be built: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (!(model instanceof tf.LayersModel)) refuse(place, 'is not a model: its function must return what tf.sequential or tf.model returns');
  if ((model.inputs ?? []).length === 0)
    refuse(
      place,
      'has no layers, or no input shape: give the first layer an inputShape, as in tf.layers.dense({ inputShape: [100], ... })',
    );
  return model;
}

/** A plain Error: whoever calls the recipe's function adds where it was. */
function checkInputs(model: LayersModel, name: string, inputs: readonly Tensor[]): void {
  if (inputs.length === model.inputs.length) return;
  const wanted = model.inputs.map((input) => `${input.name} [${input.shape.map((size) => size ?? 'n').join(', ')}]`).join(', ');
  throw new Error(`network '${name}' takes ${model.inputs.length} tensors (${wanted}), not ${inputs.length}`);
}

/** What a layer says about a weight when it makes it. */
interface WeightSettings {
  readonly initializer: Initializer;
  readonly regularizer?: Regularizer | null | undefined;
}

interface Regularizer {
  apply(weight: Tensor): Tensor;
}

type AddWeight = (
  this: { readonly name: string; readonly biasInitializer?: LayerInitializer },
  name: string,
  shape: number[],
  dtype: string | null | undefined,
  initializer: LayerInitializer,
  regularizer?: Regularizer | null,
  trainable?: boolean,
  constraint?: unknown,
  ...rest: unknown[]
) => unknown;

/**
 * Runs `build` while noting each weight's settings. A variable does not know its own, and layers keep theirs under many names, but every
 * layer creates weights through `Layer.addWeight`. Weights start as zeros: the real ones come from the coordinator.
 */
function recordingSettings<T>(tf: Tf, place: string, found: Map<unknown, WeightSettings>, build: () => T): T {
  const prototype = tf.layers.Layer.prototype as unknown as { addWeight: AddWeight };
  const original = prototype.addWeight;
  const zeros = tf.initializers.zeros();
  prototype.addWeight = function (name, shape, dtype, initializer, regularizer, trainable, constraint) {
    const layer = `${place}, layer '${this.name}'`;
    if (constraint !== undefined && constraint !== null) refuse(layer, `has a constraint on '${name}', which would be ignored: remove it`);
    const known = initializerFor(initializer, shape, this.biasInitializer);
    if (known === undefined) {
      refuse(
        layer,
        `initializes '${name}' [${shape.join(', ')}] with ${initializer.getClassName()}, which Lockstep cannot draw: use one of ${knownInitializers.join(', ')}`,
      );
    }
    const variable = original.call(this, name, shape, dtype, zeros, undefined, trainable);
    found.set(variable, { initializer: known, regularizer });
    return variable;
  };
  try {
    return build();
  } finally {
    prototype.addWeight = original;
  }
}

/** Moving averages, then the vectors of spectral normalization. */
function stateOf(
  moved: readonly Moved[],
  layoutOf: (variables: readonly LayerVariable[]) => Layout,
  kernels: readonly Parameter[],
): Pick<Manifest, 'state'> {
  const averages = layoutOf(moved.map(({ variable }) => variable));
  const parameters: StateParameter[] = averages.parameters.map((parameter, index) => ({ ...parameter, momentum: moved[index]!.momentum }));
  let { length } = averages;
  for (const kernel of kernels) {
    const vector = vectorOf(kernel, length);
    parameters.push(vector);
    length += vector.shape[0]!;
  }
  return parameters.length === 0 ? {} : { state: { parameters, length } };
}

function readLayout(variables: readonly LayerVariable[], settings: ReadonlyMap<unknown, WeightSettings>, place: string): Layout {
  const parameters: Parameter[] = [];
  let length = 0;
  for (const variable of variables) {
    const name = variable.originalName;
    const shape = variable.shape as number[];
    const initializer = settings.get(variable)?.initializer;
    if (initializer === undefined) refuse(place, `has a parameter '${name}' from elsewhere: its function must build a new model each time`);
    if (variable.dtype !== 'float32') refuse(place, `has a parameter '${name}' of type ${variable.dtype}: parameters are float32`);
    parameters.push({ name, shape, offset: length, initializer });
    length += elementCount(shape);
  }
  return { parameters, length };
}

function splitFlat(tf: Tf, manifest: Layout, flat: Float32Array): Tensor[] {
  if (flat.length !== manifest.length) throw new Error(`a flat of ${flat.length} elements does not fit a manifest of ${manifest.length}`);
  return manifest.parameters.map(({ shape, offset }) => tf.tensor(flat.subarray(offset, offset + elementCount(shape)), shape as number[]));
}

/** `run`, while each variable holds the given tensor. */
function withTensors<T>(variables: readonly LayerVariable[], tensors: Weights, run: () => T): T {
  if (tensors.length !== variables.length) throw new Error(`${tensors.length} tensors for ${variables.length} parameters and states`);
  const own = variables.map((variable) => variable.val);
  variables.forEach((variable, index) => (variable.val = tensors[index]!));
  try {
    return run();
  } finally {
    variables.forEach((variable, index) => (variable.val = own[index]!));
  }
}
