/** What the figures were measured on: without it a figure means nothing. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { version } from '@lockstep/shared';
import { version as zeromqVersion } from 'zeromq';
import { root } from './processes.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly node: string;
  readonly lockstep: string;
  /** With `+changes` when the working tree was not clean; absent outside a repository. */
  readonly commit?: string;
  readonly libzmq: string;
  readonly tensorflowJs: string;
  /** Load average of the last minute before the benchmark: above 1, figures suffer. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const processors = cpus();
  const commit = commitOf();
  return {
    // Virtual machines do not always report it.
    cpu: processors[0]?.model.trim() || 'unknown CPU',
    cores: processors.length,
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${arch()}`,
    node: process.version,
    lockstep: version,
    ...(commit === undefined ? {} : { commit }),
    libzmq: zeromqVersion,
    tensorflowJs: packageVersion('@tensorflow/tfjs'),
    loadBefore: Math.round(loadavg()[0]! * 100) / 100,
  };
}

/** One line for people. */
export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGigabytes, system, node, lockstep, commit, libzmq, tensorflowJs } = machine;
  const at = commit === undefined ? '' : ` (${commit})`;
  return `${cpu}, ${cores} cores, ${memoryGigabytes} GB; ${system}; Node ${node}, Lockstep ${lockstep}${at}, TF.js ${tensorflowJs}, libzmq ${libzmq}`;
}

/** A warning, if something else was running. */
export function busyWarning({ loadBefore, cores }: Machine): string | undefined {
  if (loadBefore < 0.5) return undefined;
  return `The machine was busy: load ${loadBefore} on ${cores} cores before the start. Figures from a quiet machine will differ.`;
}

function packageVersion(name: string): string {
  const { version: found } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
  return found;
}

function commitOf(): string | undefined {
  const git = (args: readonly string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const commit = git(['rev-parse', '--short', 'HEAD']);
  if (commit === undefined) return undefined;
  return git(['status', '--porcelain', '--untracked-files=no']) === '' ? commit : `${commit}+changes`;
}
