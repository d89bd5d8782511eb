/**
 * A backend runs tensors. One small file each; this is all that the rest of the worker knows of them.
 *
 * Responsible for: choosing the device, loading TF.js with it, and turning a phase into a function.
 * Not responsible for: weights and shards (`compute.ts`), the protocol, or which backend is chosen (`index.ts`).
 */
import type { Tensor, Tf } from '@lockstep/shared';

export interface PhaseInputs {
  /** Parameters of every network, by network, in manifest order. */
  readonly weights: Readonly<Record<string, readonly Tensor[]>>;
  /** 'real' and declared inputs of the phase, samples on the first axis. */
  readonly inputs: Readonly<Record<string, Tensor>>;
}

export interface PhaseOutputs {
  /** One flat: the gradient of the phase's loss for the updated network, in manifest order. */
  readonly gradient: Tensor;
  readonly loss: Tensor;
  readonly metrics: Readonly<Record<string, Tensor>>;
}

/** One phase at fixed shapes. Called inside `tf.tidy`. */
export type PhaseFunction = (inputs: PhaseInputs) => PhaseOutputs;

export interface Backend {
  readonly name: string;
  /** What a person would call the device, for HELLO and logs: 'wasm (SIMD)', 'NVIDIA H100 (GPU 0)'. */
  readonly device: string;
  readonly tf: Tf;
  /** One sentence about this device that a person should read; logged. */
  readonly remark?: string;
  /** Turns an eager phase into what this backend runs best; eager backends return it unchanged. */
  compile(eager: PhaseFunction): PhaseFunction;
  /** This backend with its phases compiled by XLA (`--execution xla`); absent where there is no XLA. Throws `backend-unavailable`. */
  withXla?(): Backend;
  /** A mode of computing whose bits are never mixed with another's, even where they happen to agree: part of the fingerprint. */
  readonly mode?: string;
}
