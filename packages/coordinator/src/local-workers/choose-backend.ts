/**
 * What `--backend auto` means for a run that something is known of: the backend that it was computed with, since another one computes
 * results that differ in their last bits. For a new run it is left to what works best on this machine.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { errorTable } from '@lockstep/shared';
import { backendNames } from '@lockstep/shared';
import type { Options } from '../options/option-table.ts';

export interface KnownBackends {
  /** Of the checkpoint: what it goes on with must have its fingerprint, so that there is no other choice. */
  readonly checkpoint: string | undefined;
  /** Of the config file: worth having where it works. */
  readonly config: string | undefined;
}

export async function chooseBackend(
  { backend, spawn: spawns }: Pick<Options, 'backend' | 'spawn'>,
  known: KnownBackends,
  say: (sentence: string) => void,
  works: (backend: string) => Promise<boolean> = backendWorks,
): Promise<Options['backend']> {
  if (backend !== 'auto' || !spawns) return backend;
  const named = backendNames.find((name) => name === (known.checkpoint ?? known.config));
  if (named === undefined) return 'auto';
  if (known.checkpoint !== undefined || (await works(named))) return named;
  say(`The run was begun with --backend ${named}, which does not work on this machine: taking the best one that does.`);
  return 'auto';
}

/** Far longer than TensorFlow takes to load. */
const patienceMs = 60_000;

/** Only the worker loads backends: one is started that finds no coordinator. */
async function backendWorks(backend: string): Promise<boolean> {
  if (backend === 'wasm') return true;
  const program = join(dirname(createRequire(import.meta.url).resolve('@lockstep/worker/package.json')), 'bin', 'worker.js');
  const nobody = ['--connect', 'ipc:///dev/null/nobody', '--reconnect-timeout', '1'];
  const child = spawn(process.execPath, [program, '--backend', backend, ...nobody], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    timeout: patienceMs,
  });
  const code = await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  return code === errorTable['coordinator-unreachable'].exitCode;
}
