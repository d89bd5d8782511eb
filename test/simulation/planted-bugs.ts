/**
 * Mistakes that somebody could make, one line each, all over the programs. `npm run test:sim -- --planted` makes them one at a time in a copy
 * of the sources, and a world must notice each.
 */
export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const core = 'packages/coordinator/src/core';
const training = 'packages/coordinator/src/training';

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a HELLO over a new connection forgets what its worker owed',
    file: `${core}/membership.ts`,
    find: "removeWorker(state, event.peer, 'disconnected', 'it connected again', effects);",
    replace: '',
  },
  {
    name: 'a READY that comes twice makes a working worker idle',
    file: `${core}/membership.ts`,
    find: "if (worker.stage !== 'preparing') return;",
    replace: '',
  },
  {
    name: "a dead worker's shards stay assigned to it",
    file: `${core}/membership.ts`,
    find: 'unassign(state, worker.shards);',
    replace: '',
  },
  {
    name: 'an answer to an earlier WORK of the round is taken for one to the last',
    file: `${core}/fence.ts`,
    find: "if (event.workId !== worker.work?.id) return 'unasked';",
    replace: 'if (event.workId !== worker.work?.id) return undefined;',
  },
  {
    name: 'a worker that owes an answer never times out',
    file: `${core}/step.ts`,
    find: "if (worker.stage === 'idle' || worker.deadlineMs > nowMs) continue;",
    replace: "if (worker.stage !== 'preparing' || worker.deadlineMs > nowMs) continue;",
  },
  {
    name: 'a worker that timed out is not told to say HELLO again',
    file: `${core}/step.ts`,
    find: "effects.push({ do: 'bye', to: worker.peer, round: state.cursor.round, ended: false, reason: `No answer within ${seconds} s.` });",
    replace: '',
  },
  {
    name: 'a WORK does not move the deadline of its worker',
    file: `${core}/step.ts`,
    find: 'worker.deadlineMs = nowMs + state.plan.workerTimeoutMs;',
    replace: '',
  },
  {
    name: 'a starved run waits since it began',
    file: `${core}/step.ts`,
    find: 'state.joinDeadlineMs = nowMs + state.plan.joinTimeoutMs;',
    replace: '',
  },
  {
    name: 'the join time-out fails a run that has workers enough',
    file: `${core}/step.ts`,
    find: 'if (readyWorkers(state).length >= state.plan.minWorkers)',
    replace: 'if (readyWorkers(state).length >= state.plan.workersWanted)',
  },
  {
    name: 'a network that was sent once is never sent again',
    file: `${core}/step.ts`,
    find: 'worker.holds[network] !== versions[network]',
    replace: 'worker.holds[network] === undefined',
  },
  {
    name: 'a NEED changes nothing about what its worker is believed to hold',
    file: `${core}/step.ts`,
    find: 'for (const network of lacks) delete worker.holds[network];',
    replace: '',
  },
  {
    name: 'stopping does not checkpoint the cursor',
    file: `${core}/step.ts`,
    find: "checkpoint(state, true, effects);\n      return finish(state, 'stopped', event.reason, effects);",
    replace: "return finish(state, 'stopped', event.reason, effects);",
  },
  {
    name: 'two workers are assigned the same shard at once',
    file: `${core}/assignment.ts`,
    find: 'const shards = shardsUnder(taken.node, shardCount);',
    replace: 'const shards = shardsUnder({ level: taken.node.level, index: taken.node.index & ~1 }, shardCount);',
  },
  {
    name: 'of two answers to the same shards both count',
    file: `${core}/stragglers.ts`,
    find: '    worker.shards = [];\n',
    replace: '',
  },
  {
    name: 'a late worker gets work before it has answered',
    file: `${core}/stragglers.ts`,
    find: '    worker.shards = [];\n',
    replace: "    worker.shards = [];\n    worker.stage = 'idle';\n",
  },
  {
    name: 'a late worker that has answered gets no work any more',
    file: `${core}/step.ts`,
    find: 'if (late !== undefined) measureAndRelease(state, late, event, nowMs, effects);',
    replace: '',
  },
  {
    name: 'shards that two workers owe wait again when one of them is gone',
    file: `${core}/membership.ts`,
    find: ' || isOwed(state, worker.shards)',
    replace: '',
  },
  {
    name: 'half of what is late is copied',
    file: `${core}/step.ts`,
    find: 'order(state, fastest, shards, nowMs, effects);',
    replace: 'order(state, fastest, shards.slice(0, 1), nowMs, effects);',
  },
  {
    name: 'an audited answer counts although nobody has confirmed it',
    file: `${core}/verdict.ts`,
    find: 'if (!isConfirmed) return false;',
    replace: '',
  },
  {
    name: 'a worker confirms its own answer',
    file: `${core}/verdict.ts`,
    find: 'other !== name && hashes.includes(hash)',
    replace: 'hashes.includes(hash)',
  },
  {
    name: 'an answer that waits to be checked is forgotten',
    file: `${core}/audit.ts`,
    find: 'audit !== undefined && audit.answers.size > 0;',
    replace: 'false;',
  },
  {
    name: 'a worker that was found wrong may come back',
    file: `${core}/membership.ts`,
    find: 'if (state.wrong.has(event.name)) {',
    replace: 'if (state.wrong.has(event.peer)) {',
  },
  {
    name: 'a round that is left out counts as an update of its network',
    file: `${core}/step.ts`,
    find: 'state.skippedRounds += 1;',
    replace: 'return commitRound(state, nowMs, effects);',
  },
  {
    name: 'a round that is not finite is left out at once',
    file: `${core}/step.ts`,
    find: 'if (state.repeatedRound !== round) {',
    replace: 'if (state.repeatedRound === -1) {',
  },
  {
    name: 'a phase that reads no data takes a batch from the stream',
    file: `${core}/cursor.ts`,
    find: '(phase.readsData ? plan.run.batchSize : 0)',
    replace: 'plan.run.batchSize',
  },
  {
    name: 'a late flat is added to its farthest sibling first',
    file: `${training}/reduce.ts`,
    find: 'siblings.push(other);',
    replace: 'siblings.unshift(other);',
  },
  {
    name: 'the mean loss weighs every shard alike',
    file: `${training}/round.ts`,
    find: 'sum += value * sizes[shard]!;\n    count += sizes[shard]!;',
    replace: 'sum += value;\n    count += 1;',
  },
  {
    name: 'weights are sent as they were before the commit',
    file: `${training}/model.ts`,
    find: 'network.snapshot = undefined;',
    replace: '',
  },
  {
    name: 'a resumed run begins with a fresh optimizer',
    file: `${training}/model.ts`,
    find: 'if (before !== undefined) optimizer.restore(before.optimizer);',
    replace: '',
  },
  {
    name: "a checkpoint's optimizer goes on changing until it is written",
    file: `${training}/model.ts`,
    find: 'yield* copyInParts(flat)',
    replace: 'flat',
  },
  {
    name: 'a run resumed within a step forgets the figures of its first rounds',
    file: 'packages/coordinator/src/reporting/step-figures.ts',
    find: 'let record = partial ?? emptyRecord;',
    replace: 'let record = emptyRecord;',
  },
  {
    name: 'a checkpoint is written before the lines of losses.jsonl that it counts on',
    file: 'packages/coordinator/src/serve.ts',
    find: 'directory.flush().then(() => store.write(value))',
    replace: 'store.write(value)',
  },
  {
    name: 'only one checkpoint is ever written',
    file: 'packages/coordinator/src/checkpoint/writer.ts',
    find: 'writing = undefined;',
    replace: '',
  },
  {
    name: 'a resumed run counts versions from nothing',
    file: 'packages/coordinator/src/run/start.ts',
    find: '[name, commits]',
    replace: '[name, commits * 0]',
  },
  {
    name: 'the coordinator sets its timer once only',
    file: 'packages/coordinator/src/runtime.ts',
    find: 'draining = false;\n    arm();',
    replace: 'draining = false;',
  },
  {
    name: 'the worker never notices that it has looked for long enough',
    file: 'packages/worker/src/runtime.ts',
    find: "() => handle({ type: 'tick' }));",
    replace: '() => {});',
  },
  {
    name: "a worker computes with weights that are not the round's",
    file: 'packages/worker/src/core/step.ts',
    find: 'if (lacking.some((network) => !order.sends.includes(network))) return',
    replace: 'if (lacking.length < 0) return',
  },
  {
    name: 'a worker that is told to say HELLO again says nothing',
    file: 'packages/worker/src/core/step.ts',
    find: "return event.ended ? farewell(state, event.reason) : seek(state, nowMs, [{ do: 'hello' }]);",
    replace: 'return event.ended ? farewell(state, event.reason) : seek(state, nowMs, []);',
  },
  {
    name: 'a worker computes two orders at once',
    file: 'packages/worker/src/compute/jobs.ts',
    find: 'queue = queue.then(job).catch(',
    replace: 'queue = job().catch(',
  },
  {
    name: 'a cut connection is cut again, and the client is never told',
    file: 'packages/shared/src/transport/memory.ts',
    find: 'deliveries.splice(0, deliveries.length - (ended ? 1 : 0))',
    replace: 'deliveries.splice(0)',
  },
];
