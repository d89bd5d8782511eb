/**
 * What `--backend auto` means for a run that something is known of: the backend that it was computed with, since another one computes
 * results that differ in their last bits. For a new run it is left to what works best on this machine.
 */
import { backendNames } from '@lockstep/shared';
import type { Options } from '../options/option-table.ts';
import { whyNot } from './backend-check.ts';

export interface KnownBackends {
  /** Of the checkpoint: what it goes on with must have its fingerprint, so that there is no other choice. */
  readonly checkpoint: string | undefined;
  /** Of the config file: worth having where it works. */
  readonly config: string | undefined;
}

export async function chooseBackend(
  { backend, spawn }: Pick<Options, 'backend' | 'spawn'>,
  known: KnownBackends,
  say: (sentence: string) => void,
  check: (backend: string, environment: NodeJS.ProcessEnv) => Promise<string | undefined> = whyNot,
): Promise<Options['backend']> {
  if (backend !== 'auto' || !spawn) return backend;
  const named = backendNames.find((name) => name === (known.checkpoint ?? known.config));
  if (named === undefined) return 'auto';
  if (known.checkpoint !== undefined) return named;
  const reason = await check(named, process.env);
  if (reason === undefined) return named;
  say(`The run was begun with --backend ${named}, and this machine takes another one: ${reason}`);
  return 'auto';
}
