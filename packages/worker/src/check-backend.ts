/**
 * Tries the backend that it is given and tells the process that started this one, over their IPC channel, why it does not work, or nothing.
 *
 * `coordinator --spawn` asks before it gives GPUs to workers, or repeats a run on the backend it had. A process of its own: a library that
 * has been loaded cannot be unloaded, and one that does not fit the driver may hang or crash.
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
// Exits rather than waiting for the loop to run dry: native libraries keep threads and handles of their own.
process.send!({ reason }, () => process.exit());
