/**
 * What `--backend auto` means for a run that is resumed or repeated: the backend that it was computed with, since the results of another
 * one differ in their last bits. For a new run it stays `auto`: the best one that works on this machine.
 */
import { backendNames } from '@lockstep/shared';
import type { Options } from '../options/option-table.ts';
import { whyNot } from './backend-check.ts';

export interface KnownBackends {
  /** The checkpoint's. There is no other choice, since a resumed run must have the checkpoint's fingerprint. */
  readonly checkpoint: string | undefined;
  /** The config file's. Used if it works. */
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
  say(`The run was started with --backend ${named}, which does not work here, so another one is chosen: ${reason}`);
  return 'auto';
}
