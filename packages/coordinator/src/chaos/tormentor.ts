/** Carries acts out, on processes of the run alone; whoever is stopped continues in the end, whatever happens. */
import type { Act, ActName } from './acts.ts';
import type { LiveRun } from './live-run.ts';
import { type ProcessIdentity, signalProcess } from './process-identity.ts';

export interface Tormentor {
  perform(act: Act): Promise<void>;
  /** Continues those that are still stopped. */
  release(): Promise<void>;
  done(): Readonly<Record<ActName, number>>;
}

/** An act is left out where there is nobody to do it to; a stopped worker is killed, but not stopped again. */
export function createTormentor(run: LiveRun, say: (sentence: string) => void): Tormentor {
  const done = { kill: 0, stop: 0, delay: 0 };
  const stopped = new Map<ProcessIdentity, NodeJS.Timeout>();
  const isStopped = (pid: number): boolean => [...stopped.keys()].some((each) => each.pid === pid);
  const release = async (victim: ProcessIdentity): Promise<void> => {
    clearTimeout(stopped.get(victim));
    stopped.delete(victim);
    await signalProcess(victim, 'SIGCONT');
  };
  return {
    async perform({ act, forMs, draw }) {
      const victims = (await run.victims()).filter(({ pid }) => act === 'kill' || !isStopped(pid));
      const victim = victims[draw % victims.length];
      if (victim === undefined || !(await signalProcess(victim, act === 'kill' ? 'SIGKILL' : 'SIGSTOP'))) return;
      done[act] += 1;
      say(`${act} ${victim.name} (process ${victim.pid})${act === 'kill' ? '' : ` for ${(forMs / 1000).toFixed(1)} s`}`);
      if (act !== 'kill')
        stopped.set(
          victim,
          setTimeout(() => void release(victim), forMs),
        );
    },
    release: async () => void (await Promise.all([...stopped.keys()].map(release))),
    done: () => ({ ...done }),
  };
}
