/** Checkpoints for tests: small, whole, and a pure function of their position, so that a test knows what must be in one. */
import type { Checkpoint, CheckpointNetwork } from './checkpoint.ts';

/** At `step`, or in the middle of the step after it. `length`: elements of each flat. */
export function exampleCheckpoint(step: number, roundsIntoStep: 0 | 1 = 0, length = 257): Checkpoint {
  const round = step * 2 + roundsIntoStep;
  return {
    lockstepVersion: '0.1.0',
    runId: 'run-1',
    run: { recipe: { name: 'gan', hash: 'a'.repeat(64) }, seed: 42, batchSize: 128, shardCount: 4, execution: 'graph' },
    cursor: { step, phase: roundsIntoStep, repetition: 0, round, samplePosition: round * 128 },
    roundsIntoStep,
    backend: 'wasm',
    fingerprint: 'b'.repeat(64),
    datasetSha256: 'c'.repeat(64),
    partial: roundsIntoStep === 0 ? null : { loss: { discriminator: 0.1 + step } },
    networks: ['discriminator', 'generator'].map((name, index) => exampleNetwork(name, round + index, length)),
  };
}

function exampleNetwork(name: string, version: number, length: number): CheckpointNetwork {
  const flat = (salt: number): Float32Array => Float32Array.from({ length }, (_, index) => Math.sin(index + salt + version));
  return {
    name,
    manifest: {
      parameters: [{ name: 'dense/kernel', shape: [length], offset: 0, initializer: { kind: 'normal', mean: 0, deviation: 0.1 } }],
      length,
      topology: { class_name: 'Sequential', config: { name, layers: [] } },
    },
    version,
    weights: flat(1),
    optimizer: { kind: 'adam', slots: { m: flat(2), v: flat(3) }, scalars: { accBeta1: Math.fround(0.9), accBeta2: Math.fround(0.999) } },
  };
}
