/**
 * What a phase tells about the state of the networks it updates: the statistics of batch normalization and the
 * vectors of spectral normalization, as a flat behind the gradient.
 *
 * Responsible for: gathering them while the loss runs, and laying them out in the order of the manifests' states. A layer that a loss calls
 * several times (for real and for generated samples) gives the mean of its calls, added in their order. Not responsible for: what the
 * coordinator makes of the sum over the shards (coordinator, `training/state.ts`).
 */
import { LockstepError, type Tensor, type Tf } from '@lockstep/shared';
import type { Network } from '../networks/networks.ts';
import type { Pass } from '../networks/pass.ts';

export interface Moments {
  /** For the pass. */
  readonly note: Pass['moment'];
  /** Every state of these networks, flattened, times `weight`. Throws LockstepError('recipe-invalid') if a layer was not called. */
  flats(networks: readonly Network[], weight: number, place: string): Tensor[];
  dispose(): void;
}

export function gatherMoments(tf: Tf): Moments {
  const calls = new Map<object, Tensor[]>();
  return {
    note(key, value) {
      // The tape's own tidy would dispose it before the phase ends.
      const kept = tf.keep(value.flatten());
      calls.set(key, [...(calls.get(key) ?? []), kept]);
    },
    flats: (networks, weight, place) =>
      networks.flatMap(({ state, manifest }) =>
        state.map((key, index) => {
          const values = calls.get(key);
          if (values === undefined)
            throw new LockstepError(
              'recipe-invalid',
              `${place}: its loss does not use '${manifest.state!.parameters[index]!.name}', which the phase updates.`,
            );
          const sum = values.reduce((total, value) => tf.add(total, value));
          return tf.mul(sum, weight / values.length);
        }),
      ),
    dispose: () => tf.dispose([...calls.values()].flat()),
  };
}
