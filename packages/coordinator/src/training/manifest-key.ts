/** Manifests as a text that is equal for equal ones: names, shapes and initializers decide the numbers; the topology does not. Pure. */
import type { Manifests } from '@lockstep/shared';

export function manifestKeyOf(manifests: Manifests): string {
  return JSON.stringify(
    Object.entries(manifests)
      .map(([network, { parameters, state }]) => [
        network,
        parameters.map(({ name, shape, offset, initializer }) => [name, shape, offset, sorted(initializer)]),
        ...(state?.parameters ?? []).map(({ name, shape, offset, initializer, momentum }) => [
          name,
          shape,
          offset,
          sorted(initializer),
          momentum,
        ]),
      ])
      .toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
  );
}

function sorted(initializer: object): [string, unknown][] {
  return Object.entries(initializer).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
