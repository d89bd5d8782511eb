/**
 * Tries a backend, and reports over the IPC channel to the process that started this one why it does not work, or nothing if it does.
 *
 * `coordinator --spawn` runs it before it gives GPUs to workers, or repeats a run on its backend. It is a process of its own, since a
 * library that has been loaded cannot be unloaded, and one that does not match the driver may hang or crash.
 */
import { type BackendName, LockstepError } from '@lockstep/shared';
import { loadBackend } from './backends/index.ts';

process.once('disconnect', () => process.exit());
let reason: string | undefined;
try {
  await loadBackend(process.argv[2] as BackendName, undefined);
} catch (error) {
  if (!(error instanceof LockstepError)) throw error;
  reason = error.message;
}
// Exits instead of waiting for the event loop to be empty: native libraries keep threads and handles of their own.
process.send!({ reason }, () => process.exit());
