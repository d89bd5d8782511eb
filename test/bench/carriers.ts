/**
 * The ways tensors travel between a coordinator and workers on one machine: one entry each, used by `synchronisation` and `scaling`.
 *
 * A new way is a new entry here and nothing else.
 */
import { join } from 'node:path';
import { type Carrier, createRegion, openRegion } from '@lockstep/shared';

export interface CarrierEntry {
  readonly name: string;
  /** The carrier that must actually be used, or the measurement is void. */
  readonly carrier: Carrier['name'];
  /** `--carrier` */
  readonly choice: 'auto' | 'inline';
  /** `--bind`; `directory` is temporary. */
  bind(directory: string): string;
}

const tcp = (): string => 'tcp://127.0.0.1:0';

export const carriers: readonly CarrierEntry[] = [
  { name: 'shm', carrier: 'shm', choice: 'auto', bind: tcp },
  { name: 'inline-ipc', carrier: 'inline', choice: 'inline', bind: (directory) => `ipc://${join(directory, 'socket')}` },
  { name: 'inline-tcp', carrier: 'inline', choice: 'inline', bind: tcp },
];

export function carrierNamed(name: string): CarrierEntry {
  const found = carriers.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`there is no carrier '${name}'`);
  return found;
}

/** Why it cannot be used on this machine, if it cannot. */
export function carrierFault({ carrier }: CarrierEntry): string | undefined {
  if (carrier === 'inline') return undefined;
  const own = createRegion(1);
  const reader = own === undefined ? undefined : openRegion(own.offer);
  reader?.close();
  own?.close();
  return reader === undefined
    ? 'Processes cannot share memory here: it takes Linux with /proc, and a binary of koffi for this processor.'
    : undefined;
}
