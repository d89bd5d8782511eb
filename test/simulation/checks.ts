/** What must hold in every world, whatever happens in it. Each throws with a sentence that says what does not. */
import assert from 'node:assert/strict';
import { mayCompute } from '../../packages/coordinator/src/core/audit.ts';
import { nextDeadlineMs } from '../../packages/coordinator/src/core/deadline.ts';
import { readyWorkers, type State } from '../../packages/coordinator/src/core/state.ts';
import { type Disk, readCheckpoint } from './disk.ts';
import type { Reference } from './reference.ts';
import { networks, roundsPerStep } from './training.ts';

/** Weights, by network, bit for bit those of the undisturbed run after so many rounds (I1, I2, I4, I6). */
export function checkWeights(
  trained: Iterable<{ readonly name: string; readonly weights: Float32Array }>,
  rounds: number,
  reference: Reference,
): void {
  const expected = reference.weightsAfter(rounds);
  for (const { name, weights } of trained) {
    const same = Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength).equals(bytesOf(expected.get(name)!));
    assert.ok(same, `the weights of ${name} after ${rounds} rounds are not those of the undisturbed run`);
  }
}

function bytesOf(flat: Float32Array): Uint8Array {
  return new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength);
}

/** `assert.ok`, for what is checked after every event: nothing is put into words that nobody will read. */
export function must(holds: boolean, sentence: () => string): void {
  if (!holds) assert.fail(sentence());
}

/** The coordinator's core between two events: who owes what, and until when (I2, I7). Nobody may lack weights before a first fault. */
export function checkState(state: State, reference: Reference, isDisturbed: boolean): void {
  if (state.stage === 'ended') return;
  const versions = reference.versionsAfter(state.cursor.round);
  must(
    networks.every((network) => state.versions[network] === versions[network]),
    () => `versions ${JSON.stringify(state.versions)} in round ${state.cursor.round}`,
  );
  must(nextDeadlineMs(state) !== undefined, () => `nothing bounds the wait in stage ${state.stage}`);
  for (const worker of state.workers.values()) {
    must(isDisturbed || worker.needRequests === 0, () => `${worker.name} lacks weights, although nothing has gone wrong yet`);
    must(!state.wrong.has(worker.name), () => `${worker.name} takes part, although it was found wrong`);
    const isWorking = worker.stage === 'working';
    must(isWorking === (worker.work !== undefined), () => `${worker.name} is ${worker.stage} with work ${worker.work?.id}`);
    // Who works without owing anything was late: others have computed its shards.
    must(isWorking || worker.shards.length === 0, () => `${worker.name} is ${worker.stage} with shards ${worker.shards.join()}`);
    for (const shard of worker.shards) {
      must(state.task?.shards[shard] === 'assigned', () => `${worker.name} owes shard ${shard}, which is ${state.task?.shards[shard]}`);
      const others = [...state.workers.values()].filter(({ shards }) => shards.includes(shard));
      must(
        others.every(({ shards }) => shards.join() === worker.shards.join()),
        () => `shard ${shard} is owed with different others`,
      );
    }
  }
  if (state.stage === 'training') checkTraining(state);
}

function checkTraining(state: State): void {
  const ready = readyWorkers(state);
  must(ready.length >= state.plan.minWorkers, () => `training goes on with ${ready.length} workers`);
  let waits = false;
  for (const [index, shard] of state.task!.shards.entries()) {
    waits ||= shard === 'waiting';
    const isOwed = [...state.workers.values()].some(({ shards }) => shards.includes(index));
    must(isOwed === (shard === 'assigned'), () => `shard ${index} is ${shard}, and ${isOwed ? 'somebody' : 'nobody'} owes it`);
  }
  for (const { shards } of state.task!.audits) {
    const isIdle = ready.some((worker) => worker.stage === 'idle' && mayCompute(state, shards, worker));
    must(!isIdle || state.task!.shards[shards[0]!] === 'assigned', () => `nobody checks shards ${shards.join()} although a worker is idle`);
  }
  must(!waits || ready.every(({ stage }) => stage === 'working'), () => 'a shard waits although a worker is idle');
}

/** A checkpoint that has just appeared: what a resume would go on from (I5, I6). */
export function checkCheckpoint(disk: Disk, name: string, reference: Reference): void {
  const { cursor, networks: saved, partial, roundsIntoStep } = readCheckpoint(disk, name);
  assert.equal(cursor.round, cursor.step * roundsPerStep + roundsIntoStep, `the cursor of ${name}`);
  checkWeights(saved, cursor.round, reference);
  const versions = Object.fromEntries(saved.map((network) => [network.name, network.version]));
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
