/**
 * The conformance suite: one backend against TF.js's plain `cpu` backend, in one process.
 *
 * Responsible for: values and gradients within the tolerance, equal bits from equal inputs, and no tensor left over.
 * Not responsible for: speed, or which backends exist. Where a backend cannot be loaded its tests are skipped, with the reason as name;
 * where it is required, they fail instead.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BackendName, LockstepError } from '@lockstep/shared';
import type { Backend } from '../../packages/worker/src/backends/backend.ts';
import { loadBackend } from '../../packages/worker/src/backends/index.ts';
import { evaluate, type Outcome, outcomeDifference, referenceTf } from '../../packages/worker/src/backends/testing/evaluate.ts';
import { computations } from './computations.ts';

/**
 * Largest difference allowed, relative to the largest element of the tensor. float32 has a unit roundoff of 6e-8; sums here have up to
 * a few hundred terms, and backends add them in different orders. Measured: at most 3e-6.
 */
const tolerance = 1e-5;

/** Declares the suite's tests for `name`, which must load if `required`. A process holds one TensorFlow, so one call per test file. */
export async function conformance(name: BackendName, { required = false } = {}): Promise<void> {
  const references = await referenceOutcomes();
  const backend = await load(name);
  if (backend instanceof LockstepError && required) throw backend;
  const skip = backend instanceof LockstepError ? backend.message : false;
  describe(`backend ${name}`, { skip }, () => {
    if (!(backend instanceof LockstepError)) declareTests(backend, references);
  });
}

/** Before any other backend is loaded: a repaired gradient replaces TF.js's on every backend, and would otherwise check itself. */
async function referenceOutcomes(): Promise<Outcome[]> {
  const tf = await referenceTf();
  const outcomes: Outcome[] = [];
  for (const computation of computations) outcomes.push(await evaluate(tf, computation));
  return outcomes;
}

async function load(name: BackendName): Promise<Backend | LockstepError> {
  try {
    return (await loadBackend(name, undefined)).backend;
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

function declareTests({ tf }: Backend, references: readonly Outcome[]): void {
  for (const [index, computation] of computations.entries()) {
    it(`${computation.name}: value and gradients as on cpu, the same bits twice, nothing left`, async () => {
      const outcome = await evaluate(tf, computation);
      const difference = outcomeDifference(outcome, references[index]!);
      assert.ok(difference <= tolerance, `differs from cpu by ${difference}`);
      const counts = [tf.memory().numTensors, storedTensors(tf)];
      assert.deepEqual(bits(await evaluate(tf, computation)), bits(outcome));
      assert.deepEqual([tf.memory().numTensors, storedTensors(tf)], counts);
    });
  }
}

/** What the backend itself holds: kernels work below the engine's own count. */
function storedTensors(tf: Backend['tf']): number {
  return (tf.backend() as unknown as { numDataIds: () => number }).numDataIds();
}

/** NaNs and signs of zeros included. */
function bits({ value, gradients }: Outcome): Buffer[] {
  return [value, ...gradients].map((each) => Buffer.from(each.buffer, each.byteOffset, each.byteLength));
}
