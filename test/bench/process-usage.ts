/** Processor time and memory of processes, from /proc. Undefined where there is no /proc (outside Linux). */
import { readFile } from 'node:fs/promises';

/** Jiffies a second that /proc reports in: USER_HZ, 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Seconds of processor time, user and system, of these processes so far. */
export async function processorSeconds(pids: readonly number[]): Promise<number | undefined> {
  const each = await Promise.all(pids.map(ticksOf));
  if (each.some((ticks) => ticks === undefined)) return undefined;
  return each.reduce((sum: number, ticks) => sum + ticks!, 0) / ticksPerSecond;
}

async function ticksOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // proc(5): fields 14 and 15, counted from the state (field 3) that follows the name in brackets.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined ? undefined : Number(fields[11]) + Number(fields[12]);
}

/** Resident bytes now, and the most there ever were. */
export async function memoryBytes(pid: number): Promise<{ now: number; peak: number } | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  const field = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text!)?.[1]);
  return text === undefined ? undefined : { now: field('VmRSS'), peak: field('VmHWM') };
}
