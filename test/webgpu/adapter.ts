/**
 * Whether this machine has an adapter for the backend `webgpu`, for tests in this folder.
 *
 * Responsible for: skipping by name, with the reason, where there is none, and failing instead where LOCKSTEP_REQUIRE_WEBGPU=1 demands it.
 * Not responsible for: SwiftShader, which `scripts/test.mjs` makes visible to tests if `npm run swiftshader` has fetched it.
 */
import type { TestContext } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import type { Backend } from '../../packages/worker/src/backends/backend.ts';
import { loadWebgpu } from '../../packages/worker/src/backends/webgpu.ts';

/** The backend, with a device of its own, or undefined after skipping the test. */
export async function webgpu(context: TestContext): Promise<Backend | undefined> {
  const backend = await load();
  if (!(backend instanceof LockstepError)) return backend;
  if (process.env['LOCKSTEP_REQUIRE_WEBGPU'] === '1') throw backend;
  context.skip(backend.message);
  return undefined;
}

async function load(): Promise<Backend | LockstepError> {
  try {
    return await loadWebgpu(undefined);
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}
