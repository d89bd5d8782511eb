/** The weights that a worker holds: one version of each network, as tensors. */
import type { Network, Weights } from '../networks/networks.ts';
import type { WeightsByNetwork } from './evaluate.ts';

export interface HeldWeights {
  /** Replaces the weights of a network, and its state, if it has any. */
  set(network: string, version: number, flat: Float32Array, state?: Float32Array): void;
  version(network: string): number | undefined;
  /** Of every network. Throws (a programmer's error) if one has none yet. */
  all(): WeightsByNetwork;
  /** `run` with all weights, but for these networks with those of `flats`. */
  replacing<T>(flats: Readonly<Record<string, Float32Array>>, run: (weights: WeightsByNetwork) => Promise<T>): Promise<T>;
  dispose(): void;
}

export function createHeldWeights(networks: Readonly<Record<string, Network>>): HeldWeights {
  const held = new Map<string, { readonly version: number; readonly tensors: Weights }>();
  const release = (network: string): void => held.get(network)?.tensors.forEach((tensor) => tensor.dispose());
  const all = (): WeightsByNetwork => {
    const entries = Object.keys(networks).map((network) => {
      const weights = held.get(network);
      if (weights === undefined) throw new Error(`network '${network}' has no weights yet`);
      return [network, weights.tensors] as const;
    });
    return Object.fromEntries(entries);
  };
  return {
    set(network, version, flat, state) {
      if (networks[network] === undefined) throw new Error(`there is no network '${network}'`);
      const tensors = [...networks[network].split(flat), ...(state === undefined ? [] : networks[network].splitState(state))];
      release(network);
      held.set(network, { version, tensors });
    },
    version: (network) => held.get(network)?.version,
    all,
    async replacing(flats, run) {
      const weights = all();
      const replaced = Object.fromEntries(Object.entries(flats).map(([network, flat]) => [network, networks[network]!.split(flat)]));
      // A network keeps its state.
      const together = Object.entries(replaced).map(([network, tensors]) => [
        network,
        [...tensors, ...weights[network]!.slice(tensors.length)],
      ]);
      try {
        return await run({ ...weights, ...Object.fromEntries(together) });
      } finally {
        for (const tensor of Object.values(replaced).flat()) tensor.dispose();
      }
    },
    dispose() {
      for (const network of held.keys()) release(network);
      held.clear();
    },
  };
}
