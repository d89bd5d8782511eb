/**
 * One phase over one shard, and one grid of pictures: the recipe's functions as functions of plain arrays.
 *
 * Responsible for: turning a phase's loss into a gradient function, compiling it once per shard size, feeding it and reading it back.
 * Not responsible for: where weights, samples and noise come from (`compute.ts`, `fingerprint.ts`), or summing.
 */
import type { Apply, GenerateContext, Phase, PhaseResult, Recipe, Scalar, Tensor, Tf } from '@lockstep/shared';
import { dataInputs, elementCount, freeFlat, LockstepError, pictureInput, stepName, updatedNetworks } from '@lockstep/shared';
import type { Backend, PhaseFunction, PhaseInputs } from '../backends/backend.ts';
import type { Network, Weights } from '../networks/networks.ts';
import { inferencePass, type Pass } from '../networks/pass.ts';
import { gatherMoments } from './moments.ts';
import { type DrawNoise, findNoise, type LayerNoise, noiseInputs, noiseFrom } from './layer-noise.ts';

/** Weights of every network, by network. */
export type WeightsByNetwork = Readonly<Record<string, Weights>>;
/** Rows by input name: data as it enters the networks, and declared inputs; row-major, samples first. `step` is one number. */
export type Rows = Readonly<Record<string, Float32Array | Int32Array>>;

export interface Evaluation {
  /** d/d(updated networks) of (rows / batchSize) * mean loss: one network after the other, in manifest order. Owned by the caller. */
  readonly flat: Float32Array;
  /** Mean over the rows. */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface Evaluator {
  /** Runs phase `phase` over `count` rows of each of the phase's inputs; `drawNoise` is for layers that draw any. */
  phase(phase: number, count: number, weights: WeightsByNetwork, rows: Rows, drawNoise: DrawNoise): Promise<Evaluation>;
  /** [count * pixels], in the range of `pictureInput`. For a recipe that draws pictures. */
  generate(count: number, weights: WeightsByNetwork, rows: Rows): Promise<Float32Array>;
}

/** More than any loss reports; each becomes a time series. */
const maximumMetrics = 32;
const metricName = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Throws LockstepError('recipe-invalid') from its methods when a loss or `generate` returns something unusable. */
export function createEvaluator(
  backend: Backend,
  recipe: Recipe,
  networks: Readonly<Record<string, Network>>,
  batchSize: number,
): Evaluator {
  const { tf } = backend;
  // Bounded: a run has at most two shard sizes, so at most two functions a phase.
  const compiled = new Map<string, PhaseFunction>();
  const functionFor = (phase: number, count: number): PhaseFunction => {
    const key = `${phase}/${count}`;
    const known = compiled.get(key);
    if (known !== undefined) return known;
    const { name } = recipe.phases[phase]!;
    const eager = eagerPhase(tf, recipe, networks, recipe.phases[phase]!, count / batchSize);
    const made = namingThePhase(`Recipe '${recipe.name}', phase '${name}'`, backend.compile(eager));
    compiled.set(key, made);
    return made;
  };
  const drawsNoise = Object.values(networks).some((network) => network.drawsNoise);
  const noises = new Map<string, readonly LayerNoise[]>();
  const noiseOf = (phase: number, count: number, inputs: PhaseInputs): readonly LayerNoise[] => {
    if (!drawsNoise) return [];
    const key = `${phase}/${count}`;
    const place = `Recipe '${recipe.name}', phase '${recipe.phases[phase]!.name}'`;
    const lossOf = (pass: Pass): void => {
      callLoss(tf, recipe.phases[phase]!, applyAll(networks, inputs.weights, pass), inputs.inputs, place);
    };
    const found = noises.get(key) ?? findNoise(tf, count, place, lossOf);
    noises.set(key, found);
    return found;
  };
  const specs = { ...recipe.inputs, ...Object.fromEntries(dataInputs(recipe).map(({ name, spec }) => [name, spec])) };
  const tensorOf = (input: string, values: Rows[string], count: number): Tensor => {
    const shape = input === stepName ? [] : [count, ...specs[input]!.shape];
    return tf.tensor(values, shape, values instanceof Int32Array ? 'int32' : 'float32');
  };
  const tensors = (rows: Rows, count: number): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(rows).map(([input, values]) => [input, tensorOf(input, values, count)]));
  return {
    async phase(phase, count, weights, rows, drawNoise) {
      const drawn: Float32Array[] = [];
      const { gradient, loss, metrics } = tf.tidy(() => {
        const inputs = tensors(rows, count);
        const noise = noiseOf(phase, count, { weights, inputs });
        drawn.push(...noise.map(({ spec }, index) => drawNoise(spec, index)));
        return { ...functionFor(phase, count)({ weights, inputs: { ...inputs, ...noiseInputs(tf, noise, drawn) } }) };
      });
      const names = Object.keys(metrics);
      const [flat, ...scalars] = await readAll([gradient, loss, ...names.map((name) => metrics[name]!)]);
      drawn.forEach(freeFlat);
      const [lossValue, ...values] = scalars.map(([value]) => value!);
      return { flat: flat!, loss: lossValue!, metrics: Object.fromEntries(names.map((name, index) => [name, values[index]!])) };
    },
    async generate(count, weights, rows) {
      const pictures = tf.tidy(() => runGenerate(tf, recipe, applyAll(networks, weights, inferencePass), tensors(rows, count), count));
      const [values] = await readAll([pictures]);
      return values!;
    },
  };
}

const refusals: ReadonlySet<string> = new Set(['recipe-invalid', 'numerics-mismatch']);

/** Adds the recipe and the phase to a refusal of the compiler, which does not know them. */
function namingThePhase(place: string, run: PhaseFunction): PhaseFunction {
  return (inputs) => {
    try {
      return run(inputs);
    } catch (error) {
      if (!(error instanceof LockstepError) || !refusals.has(error.code) || error.message.startsWith(place)) throw error;
      throw new LockstepError(error.code, `${place}: ${error.message}`, { cause: error });
    }
  };
}

/** Requests all downloads before it awaits any, so that a GPU is waited for only once. Disposes the tensors. */
async function readAll(tensors: readonly Tensor[]): Promise<Float32Array[]> {
  try {
    return await Promise.all(tensors.map((tensor) => tensor.data<'float32'>()));
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}

function applyAll(networks: Readonly<Record<string, Network>>, weights: WeightsByNetwork, pass: Pass): Record<string, Apply> {
  return Object.fromEntries(Object.entries(networks).map(([name, network]) => [name, network.withWeights(weights[name]!, pass)]));
}

/**
 * The phase as a function of tensors, run eagerly. Only the updated networks' tensors are differentiated: TF.js drops every tape node that
 * does not lie between them and the loss, so no gradient is computed for the weights of the other networks.
 */
function eagerPhase(tf: Tf, recipe: Recipe, networks: Readonly<Record<string, Network>>, phase: Phase, weight: number): PhaseFunction {
  const place = `Recipe '${recipe.name}', phase '${phase.name}'`;
  const updated = updatedNetworks(phase);
  const parameterCount = (name: string): number => networks[name]!.manifest.parameters.length;
  /** Regularizers of the networks that are updated: to the others, their weights are constants. */
  const withPenalties = (loss: Scalar, own: readonly (readonly [string, Weights])[]): Scalar => {
    const penalties = own.flatMap(([name, parameters]) => networks[name]!.penalty(parameters) ?? []);
    return penalties.reduce<Scalar>((sum, penalty) => tf.add(sum, penalty), loss);
  };
  return ({ weights, inputs }) => {
    const kept: Record<string, Tensor> = {};
    const moments = gatherMoments(tf);
    try {
      const pass: Pass = { training: true, moment: moments.note, ...noiseFrom(inputs) };
      const forward = (...parameters: Tensor[]): Scalar => {
        let start = 0;
        const own = updated.map((name) => {
          const trained = parameters.slice(start, (start += parameterCount(name)));
          return [name, [...trained, ...weights[name]!.slice(trained.length)]] as const;
        });
        const result = callLoss(tf, phase, applyAll(networks, { ...weights, ...Object.fromEntries(own) }, pass), inputs, place);
        // The tape's own tidy would dispose metrics before they can be returned.
        for (const [name, metric] of Object.entries(result.metrics ?? {})) kept[name] = tf.keep(metric.clone());
        return withPenalties(result.loss, own);
      };
      const parameters = updated.flatMap((name) => weights[name]!.slice(0, parameterCount(name)));
      const { value, grads } = differentiate(tf, forward, parameters, weight, updated, place);
      const moved = moments.flats(
        updated.map((name) => networks[name]!),
        weight,
        place,
      );
      const gradient = tf.concat([...grads.map((each) => each.reshape([-1])), ...moved]);
      return { gradient, loss: value, metrics: Object.fromEntries(Object.entries(kept).map(([name, metric]) => [name, metric.clone()])) };
    } finally {
      for (const metric of Object.values(kept)) metric.dispose();
      moments.dispose();
    }
  };
}

/** Seeding the backward pass with `weight` scales every gradient by it at no cost, and leaves the loss unscaled. */
function differentiate(
  tf: Tf,
  forward: (...parameters: Tensor[]) => Scalar,
  parameters: Weights,
  weight: number,
  updated: readonly string[],
  place: string,
): { value: Tensor; grads: Tensor[] } {
  try {
    return tf.valueAndGrads(forward)([...parameters], tf.scalar(weight));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('Cannot compute gradient of y=f(x)'))) throw error;
    const problem = `its loss does not depend on every parameter of '${updated.join("' and '")}', which it updates`;
    throw new LockstepError(
      'recipe-invalid',
      `${place}: ${problem}. Use ${updated.length === 1 ? 'that network' : 'those networks'} in the loss, and only operations that have gradients.`,
      { cause: error },
    );
  }
}

function callLoss(tf: Tf, phase: Phase, networks: Record<string, Apply>, inputs: PhaseInputs['inputs'], place: string): PhaseResult {
  const fail = (problem: string): never => {
    throw new LockstepError('recipe-invalid', `${place}: ${problem}.`);
  };
  // The recipe names its inputs, and the types of an arbitrary recipe cannot know them.
  const result = phase.loss({ tf, networks, ...inputs } as unknown as Parameters<Phase['loss']>[0]) as PhaseResult | undefined;
  const isScalar = (value: unknown): boolean => value instanceof tf.Tensor && value.rank === 0 && value.dtype === 'float32';
  if (!isScalar(result?.loss))
    fail('its loss function must return { loss } with a float32 scalar, such as tf.mean(...), and must not be async');
  const metrics = Object.entries(result?.metrics ?? {});
  if (metrics.length > maximumMetrics) fail(`it returns ${metrics.length} metrics; at most ${maximumMetrics} are kept`);
  for (const [name, metric] of metrics) {
    if (!metricName.test(name)) fail(`metric '${name.slice(0, 64)}' needs a name of 1 to 64 letters, digits or _, starting with a letter`);
    if (!isScalar(metric)) fail(`metric '${name}' must be a float32 scalar, such as tf.mean(...)`);
  }
  return result!;
}

function runGenerate(tf: Tf, recipe: Recipe, networks: Record<string, Apply>, inputs: Record<string, Tensor>, count: number): Tensor {
  const pictures = recipe.generate!({ tf, networks, ...inputs } as unknown as GenerateContext<string, string>) as Tensor | undefined;
  const wanted = [count, ...pictureInput(recipe)!.spec.shape];
  const fits =
    pictures instanceof tf.Tensor && pictures.shape[0] === count && pictures.size === elementCount(wanted) && pictures.dtype === 'float32';
  if (fits) return pictures;
  const found = pictures instanceof tf.Tensor ? `${pictures.dtype} [${pictures.shape.join(', ')}]` : 'no tensor';
  throw new LockstepError(
    'recipe-invalid',
    `Recipe '${recipe.name}': generate must return float32 pictures of shape [${wanted.join(', ')}], not ${found}.`,
  );
}
