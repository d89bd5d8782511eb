/** Who a process is, beyond its number, which the system gives to another one after its end. From /proc: Linux only. */
import { readFile } from 'node:fs/promises';

export interface ProcessIdentity {
  readonly pid: number;
  readonly parent: number;
  /** Since the machine started: with the number it names one process. */
  readonly startedTicks: number;
}

/** Of what /proc tells, on every architecture. */
const ticksPerSecond = 100;

/** Undefined if there is no such process, or only what is left of one (a zombie). */
export async function identityOf(pid: number): Promise<ProcessIdentity | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent, startedTicks] = [fields[0], Number(fields[1]), Number(fields[19])];
  if (state === 'Z' || state === 'X' || !Number.isInteger(startedTicks)) return undefined;
  return { pid, parent, startedTicks };
}

/** Milliseconds since 1970. */
export async function startOf({ startedTicks }: ProcessIdentity): Promise<number> {
  const uptimeSeconds = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
  return Date.now() - (uptimeSeconds - startedTicks / ticksPerSecond) * 1000;
}

/** Sends a signal to exactly this process. False if it is gone. */
export async function signalProcess({ pid, startedTicks }: ProcessIdentity, signal: NodeJS.Signals): Promise<boolean> {
  if ((await identityOf(pid))?.startedTicks !== startedTicks) return false;
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
