/**
 * The command before a spawned worker's own, by which the kernel kills it when the coordinator ends, however it ends.
 *
 * Why: a worker ends when its channel to the coordinator closes, but one that is stopped or hangs in a driver never hears that.
 */
import { execFile } from 'node:child_process';

const launcher = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** Empty where there is no util-linux that has it: then the closing channel must do. */
export async function findLauncher(): Promise<readonly string[]> {
  const [command, ...args] = launcher as [string, ...string[]];
  return new Promise((resolve) => {
    execFile(command, [...args, 'true'], (error) => resolve(error === null ? launcher : []));
  });
}
