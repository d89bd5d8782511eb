/** A last write that a disk refuses is worth waiting for: somebody may make room. */
import { type Clock, LockstepError } from '@lockstep/shared';

/** Short enough for a scheduler that kills 30 seconds after it has asked to stop. */
const waitsMs = [1000, 2000, 4000, 8000];

/** Tries again what fails with `disk`, a few times, and says so. Throws as the last try does. */
export async function persistently<T>(work: () => Promise<T>, say: (sentence: string) => void, clock: Clock): Promise<T> {
  for (const waitMs of waitsMs) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'disk') throw error;
      say(`${error.message} Trying again in ${waitMs / 1000} s.`);
      await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    }
  }
  return work();
}
