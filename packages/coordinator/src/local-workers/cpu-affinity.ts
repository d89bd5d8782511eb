/**
 * Which CPU core each spawned worker is bound to.
 *
 * Why: all workers of a round are woken at once, by one process. Linux then tends to put two of them onto one core while another idles,
 * and moves the threads of one worker apart: with a worker for each of two cores, binding made the seed GAN 1.04 to 1.25 times as fast.
 *
 * Workers are bound only if they fill the cores evenly, one or more for each: then no worker is kept from a core that it could have used.
 * On larger machines the scheduler has room, and two runs must not crowd onto the same cores.
 *
 * Not responsible for: binding (`processes.ts`, by `taskset`), or workers on GPUs, whose libraries use many threads.
 */
import { execFile } from 'node:child_process';

/** A core for each of `workers`; none if they do not fill the cores evenly, or this is not Linux with util-linux. */
export async function coresFor(workers: number): Promise<readonly number[]> {
  return shareOut(workers, await allowedCores());
}

/** Exported for its test. */
export function shareOut(workers: number, cores: readonly number[]): readonly number[] {
  if (cores.length === 0 || workers % cores.length !== 0) return [];
  return Array.from({ length: workers }, (_, index) => cores[index % cores.length]!);
}

/** The numbers in a list in Linux's format: `0-3,8`. Exported for its test. */
export function parseCores(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, index) => first! + index);
  });
}

/** The cores that this process may use: the machine's, or fewer under Slurm, Docker or taskset. Empty if that cannot be found out. */
async function allowedCores(): Promise<number[]> {
  const output = await new Promise<string>((resolve) => {
    execFile('taskset', ['-c', '-p', String(process.pid)], (error, stdout) => resolve(error === null ? stdout : ''));
  });
  const list = /: ([\d,-]+)\s*$/.exec(output)?.[1];
  return list === undefined ? [] : parseCores(list);
}
