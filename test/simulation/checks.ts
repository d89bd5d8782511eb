/** What must hold in every world, whatever happens in it. Each throws with a sentence that says what does not. */
import assert from 'node:assert/strict';
import { nextDeadlineMs, readyWorkers, type State } from '../../packages/coordinator/src/core/state.ts';
import { type Disk, readCheckpoint } from './disk.ts';
import type { Reference } from './reference.ts';
import { roundsPerStep } from './training.ts';

/** Weights, by network, bit for bit those of the undisturbed run after so many rounds (I1, I2, I4, I6). */
export function checkWeights(
  networks: Iterable<{ readonly name: string; readonly weights: Float32Array }>,
  rounds: number,
  reference: Reference,
): void {
  const expected = reference.weightsAfter(rounds);
  for (const { name, weights } of networks) {
    const same = Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength).equals(bytesOf(expected.get(name)!));
    assert.ok(same, `the weights of ${name} after ${rounds} rounds are not those of the undisturbed run`);
  }
}

function bytesOf(flat: Float32Array): Uint8Array {
  return new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength);
}

/** The coordinator's core between two events: who owes what, and until when (I2, I7). Nobody may lack weights before a first fault. */
export function checkState(state: State, reference: Reference, isDisturbed: boolean): void {
  if (state.stage === 'ended') return;
  assert.deepEqual(state.versions, reference.versionsAfter(state.cursor.round), 'versions count commits');
  assert.notEqual(nextDeadlineMs(state), undefined, `nothing bounds the wait in stage ${state.stage}`);
  const ready = readyWorkers(state);
  for (const worker of state.workers.values()) {
    assert.ok(isDisturbed || worker.needRequests === 0, `${worker.name} lacks weights, although nothing has gone wrong yet`);
    assert.equal(
      worker.shards.length > 0,
      worker.stage === 'working',
      `${worker.name} is ${worker.stage} with shards ${worker.shards.join()}`,
    );
    for (const shard of worker.shards) {
      const owed = state.task?.shards[shard];
      assert.ok(owed?.status === 'assigned' && owed.to === worker.peer, `${worker.name} owes shard ${shard}, which is not assigned to it`);
    }
  }
  if (state.stage !== 'training') return;
  assert.ok(ready.length >= state.plan.minWorkers, `training goes on with ${ready.length} workers`);
  for (const [index, shard] of state.task!.shards.entries()) {
    if (shard.status !== 'assigned') continue;
    assert.ok(state.workers.get(shard.to)?.shards.includes(index), `shard ${index} is assigned to ${shard.to}, which does not owe it`);
  }
  const waits = state.task!.shards.some(({ status }) => status === 'waiting');
  assert.ok(!waits || ready.every(({ stage }) => stage === 'working'), 'a shard waits although a worker is idle');
}

/** What a crash at this moment would leave (I5, I6). `onlyNewest`: older checkpoints were checked when they were new. */
export function checkCheckpoint(disk: Disk, name: string, reference: Reference): void {
  const { cursor, networks, partial, roundsIntoStep } = readCheckpoint(disk, name);
  assert.equal(cursor.round, cursor.step * roundsPerStep + roundsIntoStep, `the cursor of ${name}`);
  checkWeights(networks, cursor.round, reference);
  const versions = Object.fromEntries(networks.map((network) => [network.name, network.version]));
  assert.deepEqual(versions, reference.versionsAfter(cursor.round), `the versions in ${name}`);
  assert.ok(
    disk.losses.length >= cursor.step,
    `${name} is on disk before its lines of losses.jsonl, which end after step ${disk.losses.length}`,
  );
  assert.ok(typeof partial === 'object' && partial !== null, `the unfinished step's figures in ${name}`);
}

/** losses.jsonl: the lines of an undisturbed run, each once (I6). */
export function checkLosses(lines: readonly string[], from: number, reference: Reference): void {
  for (let index = from; index < lines.length; index += 1)
    assert.equal(lines[index], reference.lossLine(index + 1), `line ${index + 1} of losses.jsonl`);
}
