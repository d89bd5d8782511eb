/**
 * A pass: one evaluation of a phase, or of `generate`, as the layers of the networks see it. What a layer may not have of its own, such as
 * randomness, it gets from the pass.
 */
import type { InputSpec, Tensor } from '@lockstep/shared';

export interface Pass {
  /** Whether this is a phase. Elsewhere layers do what Keras calls inference: dropout passes its input on. */
  readonly training: boolean;
  /** The next noise of the phase, in order of the calls: standard normal, or uniform in [0, 1). A constant to gradients. */
  noise(distribution: InputSpec['distribution'], shape: readonly number[]): Tensor;
  /** Reports what this call found for a state of its network (`Network.state`). */
  moment(state: object, value: Tensor): void;
}

/** Of `generate`. */
export const inferencePass: Pass = { training: false, noise: noNoise, moment: () => {} };
/** Of a phase whose networks draw no noise, and whose moments nobody wants. */
export const plainPass: Pass = { training: true, noise: noNoise, moment: () => {} };

function noNoise(): never {
  throw new Error('a layer draws noise in a pass without any');
}
