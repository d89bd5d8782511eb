/** A worker's side of `synchronisation.ts`: takes weights, answers with a gradient at once. */
import {
  atOnce,
  type Carrier,
  connect,
  createFlatPool,
  createRegion,
  createShmCarrier,
  decode,
  encode,
  inlineCarrier,
  openRegion,
  ready,
} from '@lockstep/shared';
import type { Pieces, Result, ToWorker, Welcome, Work } from '@lockstep/shared';
import { toWorker } from '@lockstep/shared';
import { carrierNamed } from './carriers.ts';
import { workerValue } from './synchronisation-value.ts';

function main(carrierName: string, endpoint: string, elements: number, peer: string): void {
  const own = carrierNamed(carrierName).carrier === 'shm' ? createRegion(1) : undefined;
  let carrier: Carrier = inlineCarrier;
  // Two, in turn: the shared-memory carrier does not write a flat again that it wrote last.
  const gradients = [0, 1].map(() => new Float32Array(elements).fill(workerValue));
  // As the worker does: reused memory costs a sixth of fresh memory.
  const pool = createFlatPool(1);
  const transport = connect(endpoint, peer, {
    up: () => {
      const identity = { peer, name: peer, host: 'here', pid: process.pid, backend: 'none', device: 'none' };
      transport.send(encode({ type: 'hello', ...identity, ...(own === undefined ? {} : { region: own.offer }) }));
    },
    down: () => {
      throw new Error('the coordinator is gone');
    },
    message: (frames) => {
      const decoded = decode<ToWorker>(toWorker, frames);
      if (!decoded.ok) throw new Error(decoded.reason);
      const { message } = decoded;
      if (message.type === 'welcome') return join(message);
      if (message.type === 'work') return answer(message, decoded.frames);
      throw new Error(`unexpected message: ${message.type}`);
    },
  });

  function join({ runId, term, round, region }: Welcome): void {
    const theirs = region === undefined ? undefined : openRegion(region);
    if (own !== undefined && theirs !== undefined) carrier = createShmCarrier(own, theirs);
    transport.send(encode({ type: 'ready', runId, term, peer, round, manifests: {}, fingerprint: '0'.repeat(64), carrier: carrier.name }));
  }

  function answer({ runId, term, round, workId, shards, payload: sent }: Work, frames: readonly Pieces[]): void {
    const flats = atOnce(carrier.unpack(sent, frames, pool.take));
    const weights = flats === 'damaged' ? undefined : flats?.[0];
    // Both ends, so that bytes that were not delivered are noticed.
    const isWhole = weights?.length === elements && weights[0] === weights.at(-1) && weights[0]! > 0 && weights[0]! % workerValue === 0;
    if (!isWhole) throw new Error('the weights that arrived are wrong');
    pool.give(weights);
    const gradient = gradients[round % 2]!;
    const { payload, frames: packed } = atOnce(
      carrier.pack([{ key: 'gradient', version: round, live: gradient, snapshot: () => ready(gradient) }]),
    );
    const fence = { runId, term, peer, round };
    const nodes = shards.map((shard) => ({ level: 0, index: shard }));
    const outcomes = shards.map((shard) => ({ shard, loss: 0, metrics: {} }));
    const result: Result = { type: 'result', ...fence, workId, task: 'gradient', nodes, outcomes, computeSeconds: 0, payload };
    transport.send(encode(result, packed));
  }
}

process.once('disconnect', () => process.exit(0));
const [carrierName, endpoint, elements, peer] = process.argv.slice(2);
main(carrierName!, endpoint!, Number(elements), peer!);
