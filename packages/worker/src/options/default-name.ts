/** The name of a worker that nobody named. */
import { hostname } from 'node:os';
import type { PeerId } from '@lockstep/shared';
import type { Options } from './option-table.ts';

/** Of the peer's digits. In containers of one image, or on one host network, host and process are the same for everybody. */
const distinguishingDigits = 6;

/** No two lives have the same, or one would be taken for the next life of the other, and be sent away. */
export function defaultName({ gpu }: Pick<Options, 'gpu'>, peer: PeerId): string {
  const place = gpu === undefined ? process.pid : `gpu${gpu.replaceAll('/', '-')}`;
  return `${hostname()}-${place}-${peer.slice(0, distinguishingDigits)}`;
}
