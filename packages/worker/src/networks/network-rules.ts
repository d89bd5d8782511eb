/**
 * What a built network may not contain, because a worker must be a pure function of weights, samples and declared noise.
 *
 * Responsible for: refusing state, hidden randomness, names that are shared or made by TF.js, and options that training would silently
 * ignore. Each refusal names recipe, network and layer and says what to do. Not responsible for: reading the manifest (`networks.ts`).
 * A user's own layer class that draws random numbers is found by the fingerprint.
 */
import type { LayersModel } from '@lockstep/shared';
import { LockstepError, maximumParameters } from '@lockstep/shared';
import { isBatchNormalization } from './batch-normalization.ts';
import { isAutomaticName } from './topology.ts';

export type Layer = LayersModel['layers'][number];
type Refuse = (problem: string) => never;

/** Throws LockstepError('recipe-invalid'). `place`: "Recipe 'gan', network 'generator'". */
export function refuse(place: string, problem: string): never {
  throw new LockstepError('recipe-invalid', `${place} ${problem}.`);
}

/** Refuses a model that breaks a rule. */
export function checkNetwork(model: LayersModel, place: string): void {
  for (const layer of layersOf(model)) {
    checkLayer(layer, (problem) => refuse(`${place}, layer '${layer.name}' (${layer.getClassName()})`, problem));
  }
  const names = model.weights.map((weight) => weight.originalName);
  const shared = names.find((name, index) => names.indexOf(name) !== index);
  if (shared !== undefined) refuse(place, `has two parameters named '${shared}': give each layer its own name`);
  if (names.length > maximumParameters)
    refuse(place, `has ${names.length} parameters (kernels, biases, ...): at most ${maximumParameters} are possible`);
  if (names.length === 0) refuse(place, 'has no parameters: it needs at least one layer with weights, such as tf.layers.dense');
}

function checkLayer(layer: Layer, refuseLayer: Refuse): void {
  const className = layer.getClassName();
  if (className.startsWith('Random'))
    refuseLayer("draws random numbers of its own: remove it, or declare noise in the recipe's inputs and feed it to the network");
  if (hasInnerDropout(layer))
    refuseLayer(
      'draws random numbers at every step of its recurrence: build it without dropout and recurrentDropout, and put a dropout layer before it',
    );
  if (layer.stateful) refuseLayer('keeps state between batches: build it without stateful: true');
  // A nested model repeats its layers' weights; they are checked themselves.
  if (innerLayers(layer) !== undefined) return;
  const moved = isBatchNormalization(layer) ? 2 : 0;
  if (layer.nonTrainableWeights.length > moved) refuseLayer('has weights that are not trained: build it without trainable: false');
  if (layer.weights.length > 0 && isAutomaticName(layer.name, className)) {
    refuseLayer("has no name of its own, and parameters are stored by name: give it one, as in tf.layers.dense({ name: 'hidden1', ... })");
  }
}

/** Recurrent layers have dropout as an option. */
function hasInnerDropout(layer: Layer): boolean {
  const config = layer.getConfig();
  return [config['dropout'], config['recurrentDropout']].some((rate) => typeof rate === 'number' && rate > 0);
}

/** Every layer, those of nested models and the one inside a wrapper included. */
export function layersOf(container: { readonly layers: readonly Layer[] }): Layer[] {
  return container.layers.flatMap((layer) => [layer, ...layersOf({ layers: innerLayers(layer) ?? wrappedLayers(layer) })]);
}

function innerLayers(layer: Layer): readonly Layer[] | undefined {
  return (layer as { layers?: readonly Layer[] }).layers;
}

function wrappedLayers(layer: Layer): readonly Layer[] {
  const { layer: wrapped } = layer as { layer?: Layer };
  return wrapped === undefined ? [] : [wrapped];
}
