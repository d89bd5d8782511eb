/** The weights that a worker holds: one version of each network, as tensors. */
import type { Network, Weights } from '../networks/networks.ts';
import type { WeightsByNetwork } from './evaluate.ts';

export interface HeldWeights {
  /** Replaces the weights of a network. */
  set(network: string, version: number, flat: Float32Array): void;
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
    set(network, version, flat) {
      if (networks[network] === undefined) throw new Error(`there is no network '${network}'`);
      const tensors = networks[network].split(flat);
      release(network);
      held.set(network, { version, tensors });
    },
    version: (network) => held.get(network)?.version,
    all,
    async replacing(flats, run) {
      const replaced = Object.fromEntries(Object.entries(flats).map(([network, flat]) => [network, networks[network]!.split(flat)]));
      try {
        return await run({ ...all(), ...replaced });
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
