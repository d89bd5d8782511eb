/**
 * What a backend is. Each one is a small file; the rest of the worker knows only this interface.
 *
 * Responsible for: choosing the device, loading TF.js with it, and turning a phase into a function.
 * Not responsible for: weights and shards (`compute.ts`), the protocol, or which backend is chosen (`index.ts`).
 */
import type { Tensor, Tf } from '@lockstep/shared';

export interface PhaseInputs {
  /** Parameters of every network, by network, in manifest order. */
  readonly weights: Readonly<Record<string, readonly Tensor[]>>;
  /** Data and declared inputs of the phase, samples on the first axis. */
  readonly inputs: Readonly<Record<string, Tensor>>;
}

export interface PhaseOutputs {
  /** One flat: the gradient of the phase's loss for the updated networks, one after the other, in manifest order. */
  readonly gradient: Tensor;
  readonly loss: Tensor;
  readonly metrics: Readonly<Record<string, Tensor>>;
}

/** One phase at fixed shapes. Called inside `tf.tidy`. */
export type PhaseFunction = (inputs: PhaseInputs) => PhaseOutputs;

export interface Backend {
  readonly name: string;
  /** A readable name of the device, for HELLO and logs: 'wasm (SIMD)', 'NVIDIA H100 (GPU 0)'. */
  readonly device: string;
  readonly tf: Tf;
  /** A sentence about this device that a person should know; it is logged. */
  readonly remark?: string;
  /** Turns an eager phase into what this backend runs best; eager backends return it unchanged. */
  compile(eager: PhaseFunction): PhaseFunction;
  /** This backend with its phases compiled by XLA (`--execution xla`); absent if it has no XLA. Throws `backend-unavailable`. */
  withXla?(): Backend;
  /** A way of computing that is never mixed with another, even if their bits happen to agree. Part of the fingerprint. */
  readonly mode?: string;
}
