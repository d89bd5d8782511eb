/**
 * The faults that a run has to survive, or to end from with a sentence: what is expected, and what shows it. `docs/faults.md` is made from
 * this table. A scenario is played by `faults.test.ts`; a test elsewhere is named.
 */
import { waitForLate } from '../e2e/scenarios.ts';
import { coordinator } from './deeds.ts';
import type { Scenario } from './plan.ts';
import { hangVariable } from './recipe.ts';

export interface TestReference {
  readonly file: string;
  /** As in the file, up to what is filled in there. */
  readonly name: string;
}

export interface Fault {
  readonly id: number;
  readonly fault: string;
  readonly expected: string;
  /** Played with real processes. Each ends with the weights and losses of a run that nothing disturbed. */
  readonly scenarios?: Readonly<Record<string, Scenario>>;
  readonly tests?: readonly TestReference[];
  /** What is not tested here, and why. */
  readonly untested?: string;
}

const lost = (worker: string, cause = 'disconnected') => ({ event: 'worker-left', with: { worker, cause } }) as const;
const e2e = (file: string, name: string): TestReference => ({ file: `test/e2e/${file}.test.ts`, name });
const own = (file: string, name: string): TestReference => ({ file: `test/faults/${file}.test.ts`, name });
const beside = (file: string, name: string): TestReference => ({ file: `packages/${file}.test.ts`, name });

export const faults: readonly Fault[] = [
  {
    id: 1,
    fault: 'kill -9 of a worker that says HELLO, is ready, or is given work',
    expected: 'Noticed at once by its lost connection; its shards go to others in the same round. It may come back at any time.',
    scenarios: {
      'after HELLO': {
        entries: [
          { at: { message: 'hello', nth: 1, of: 'b' }, do: 'kill', to: 'b' },
          { do: 'start', to: 'b' },
        ],
      },
      'after READY': {
        entries: [
          { at: { message: 'ready', nth: 1, of: 'b' }, do: 'kill', to: 'b' },
          { do: 'start', to: 'b' },
        ],
      },
      'as WORK arrives': {
        entries: [
          { at: { message: 'work', nth: 10, of: 'b' }, do: 'kill', to: 'b' },
          { do: 'start', to: 'b' },
        ],
        shows: [lost('b')],
      },
    },
    tests: [own('kills', 'kills at random times')],
  },
  {
    id: 2,
    fault: 'kill -9 of a worker that computes a gradient, in either phase',
    expected: 'Others compute its shards; nothing partial is summed.',
    scenarios: {
      'in both phases': {
        args: waitForLate,
        entries: [
          { at: { step: 10 }, do: 'nothing', to: coordinator },
          { at: { phase: 'discriminator', of: 'b' }, do: 'kill', to: 'b' },
          { do: 'start', to: 'b' },
          { at: { phase: 'generator', of: 'a' }, do: 'kill', to: 'a' },
          { do: 'start', to: 'a' },
        ],
        shows: [{ event: 'shards-reassigned', with: { worker: 'b' } }, lost('a')],
      },
    },
    tests: [e2e('same-bits', 'when a worker is killed with -9 in the middle, and its shards are reassigned')],
  },
  {
    id: 3,
    fault: 'kill -9 of a worker that has just sent its gradient',
    expected: 'The gradient counts once.',
    scenarios: {
      'after RESULT': {
        entries: [
          { at: { message: 'result', nth: 20, of: 'a' }, do: 'kill', to: 'a' },
          { do: 'start', to: 'a' },
        ],
        shows: [lost('a')],
      },
    },
  },
  {
    id: 4,
    fault: 'kill -9 of a worker that has just got new weights',
    expected: 'The commit stands; whoever comes back gets the weights of the round under way.',
    scenarios: {
      'through shared memory': {
        carrier: 'shm',
        entries: [
          { at: { message: 'work', nth: 21, of: 'a' }, do: 'kill', to: 'a' },
          { do: 'start', to: 'a' },
        ],
        shows: [lost('a')],
      },
    },
  },
  {
    id: 5,
    fault: 'kill -9 half-way through a large message',
    expected: 'No part of a message is ever used.',
    scenarios: {
      'of a gradient that takes seconds': {
        entries: [
          { at: { step: 5 }, do: 'throttle', to: 'b', value: 20_000 },
          { at: { step: 30 }, do: 'kill', to: 'b' },
          { do: 'heal', to: 'b' },
          { do: 'start', to: 'b' },
        ],
        shows: [lost('b')],
      },
    },
  },
  {
    id: 6,
    fault: 'All workers die at once',
    expected: 'The run waits for --min-workers, until --join-timeout; then it ends with a checkpoint and a code of its own.',
    scenarios: {
      'and come back': {
        entries: [
          { at: { step: 20 }, do: 'kill', to: 'a' },
          { do: 'kill', to: 'b' },
          { at: { says: /Waiting for 1 of 1 workers/, by: coordinator }, do: 'start', to: 'a' },
          { do: 'start', to: 'b' },
        ],
        shows: [lost('a'), lost('b')],
      },
    },
    tests: [e2e('faults', 'below --min-workers the run pauses and says so')],
  },
  {
    id: 7,
    fault: 'A worker that crashes again and again',
    expected: 'It is started again later and later, and given up if its work never counts; the run goes on without it.',
    tests: [
      e2e('leftovers', 'after kill -9 of a spawned worker: it is started again, each time a little later'),
      beside('coordinator/src/local-workers/processes', 'a worker whose work never counts is given up after six restarts'),
    ],
  },
  {
    id: 8,
    fault: 'A worker is stopped (SIGSTOP), and continues',
    expected: 'Others compute its shards meanwhile; what it answers late is dropped and counted; it takes part again.',
    scenarios: Object.fromEntries(
      (['inline', 'shm'] as const).map((carrier) => [
        `over ${carrier}`,
        {
          carrier,
          entries: [
            { at: { step: 20 }, do: 'stop', to: 'b' },
            { at: { step: 60 }, do: 'continue', to: 'b' },
          ],
        },
      ]),
    ),
    tests: [
      e2e('faults', 'a worker that stops in the middle of a round is not waited for'),
      e2e('faults', 'a suspended worker is removed after --worker-timeout'),
      e2e('faults', 'a spawned worker that freezes is killed and started again'),
    ],
  },
  {
    id: 9,
    fault: "A worker's code hangs while its connection lives (a driver, an endless loop)",
    expected: 'Others compute its shards; it is removed after --worker-timeout.',
    scenarios: {
      'and is killed then': {
        args: [...waitForLate, '--worker-timeout', '2'],
        environment: { b: { [hangVariable]: '60' } },
        entries: [{ at: { event: 'worker-left' }, do: 'kill', to: 'b' }],
        shows: [lost('b', 'timeout')],
      },
    },
  },
  {
    id: 10,
    fault: 'A worker that is slow, by its computation or its link',
    expected: 'It gets a smaller share, its late shards are copied, it is named with the cause.',
    tests: [
      e2e('stragglers', 'a worker that computes longer and one with a slow link are named within ten steps'),
      beside('coordinator/src/core/stragglers', 'a late WORK is copied whole to an idle worker'),
    ],
  },
  {
    id: 11,
    fault: 'A connection dies in silence (cable, firewall)',
    expected: 'Heartbeats end it within six seconds on both sides.',
    scenarios: {
      'and heals later': {
        args: waitForLate,
        entries: [
          { at: { step: 20 }, do: 'silence', to: 'b' },
          { at: { event: 'worker-left' }, do: 'heal', to: 'b' },
        ],
        shows: [lost('b')],
      },
    },
  },
  {
    id: 12,
    fault: 'A worker hears the coordinator and is not heard',
    expected: 'As a lost connection: nobody is a member twice.',
    scenarios: {
      'until its connection ends': {
        args: waitForLate,
        entries: [
          { at: { step: 20 }, do: 'mute', to: 'b' },
          { at: { event: 'worker-left' }, do: 'heal', to: 'b' },
          { do: 'reset', to: 'b' },
        ],
        shows: [lost('b')],
      },
    },
  },
  {
    id: 13,
    fault: 'A partition that heals before anybody has noticed it',
    expected: 'No step is lost, and nobody joins again.',
    scenarios: {
      'while others go on': {
        entries: [
          { at: { step: 20 }, do: 'silence', to: 'b' },
          { at: { step: 25 }, do: 'heal', to: 'b' },
        ],
      },
    },
  },
  {
    id: 14,
    fault: 'A slow and lossy network (10 Mbit/s, 300 ms)',
    expected: 'Slower, with the same bits.',
    scenarios: {
      '10 Mbit/s for one, 300 ms for the other': {
        entries: [
          { at: { step: 20 }, do: 'throttle', to: 'a', value: 1_250_000 },
          { do: 'delay', to: 'b', value: 300 },
          { at: { step: 80 }, do: 'heal', to: 'b' },
        ],
      },
    },
    untested: 'Packet loss: to TCP it is delay.',
  },
  {
    id: 15,
    fault: 'Connections are reset again and again',
    expected: 'Workers reconnect; no step is lost.',
    scenarios: {
      'six times': {
        entries: [20, 30, 40, 50, 60, 70].map((step) => ({ at: { step }, do: 'reset', to: step % 20 === 10 ? 'b' : 'a' }) as const),
        shows: [lost('b')],
      },
    },
  },
  {
    id: 16,
    fault: 'A gradient arrives twice',
    expected: 'It counts once.',
    scenarios: { 'ten times': { messages: [{ of: 'a', message: 'result', nth: 5, times: 10, do: 'duplicate' }] } },
    tests: [beside('coordinator/src/core/step', 'drops a duplicate result')],
  },
  {
    id: 17,
    fault: 'A gradient of an earlier round arrives late',
    expected: 'It is dropped and counted.',
    scenarios: {
      'in messages': { messages: [{ of: 'a', message: 'result', nth: 5, times: 10, do: 'replay' }] },
      'through shared memory': { carrier: 'shm', messages: [{ of: 'a', message: 'result', nth: 5, times: 10, do: 'replay' }] },
    },
    tests: [
      beside('coordinator/src/core/step', 'drops and counts a result of ${what}'),
      beside('coordinator/src/wire/inbound', 'an answer that does not count is dropped, not refused'),
    ],
  },
  {
    id: 18,
    fault: 'Messages overtake each other',
    expected: 'Answers are matched by round and WORK, never by arrival.',
    scenarios: {
      'of two workers, both ways': {
        messages: [
          { of: 'a', message: 'result', nth: 5, times: 5, do: 'postpone' },
          { of: 'b', message: 'work', nth: 30, times: 5, do: 'postpone' },
        ],
      },
    },
  },
  {
    id: 19,
    fault: 'WORK is lost, or arrives twice',
    expected: 'Lost: others compute it. Twice: the first answer counts.',
    scenarios: {
      twice: { messages: [{ of: 'a', message: 'work', nth: 5, times: 10, do: 'duplicate' }] },
      lost: {
        args: ['--worker-timeout', '2'],
        messages: [{ of: 'b', message: 'work', nth: 30, do: 'drop' }],
        entries: [{ at: { event: 'worker-left' }, do: 'reset', to: 'b' }],
        shows: [lost('b', 'timeout')],
      },
    },
    tests: [beside('worker/src/core/step', 'an order that comes again is not computed again')],
  },
  {
    id: 20,
    fault: 'A gradient that is not finite',
    expected:
      'It never reaches the weights: the round is computed once more; then the run ends with step, phase and a code of its own, or skips the update (`--on-nonfinite skip`).',
    tests: [
      e2e('not-finite', 'skips them with `skip`'),
      e2e('faults', 'a run that diverges names the step, keeps the checkpoint before it'),
    ],
  },
  {
    id: 21,
    fault: 'Tensors of a wrong shape or length, or missing',
    expected: 'Refused: the worker is sent away, and others compute its shards.',
    scenarios: {
      'a shorter gradient': {
        messages: [{ of: 'b', message: 'result', nth: 10, do: 'shorten' }],
        shows: [{ event: 'worker-refused', with: { worker: 'b' } }, lost('b', 'expelled')],
      },
      'none at all': {
        messages: [{ of: 'b', message: 'result', nth: 10, do: 'truncate' }],
        shows: [{ event: 'worker-refused', with: { worker: 'b' } }, lost('b', 'expelled')],
      },
    },
  },
  {
    id: 22,
    fault: 'A bit of a tensor flips on its way',
    expected: 'Its checksum shows it: the WORK is sent again, a bounded number of times.',
    scenarios: {
      'of gradients and of weights': {
        messages: [
          { of: 'a', message: 'result', nth: 10, do: 'flip a bit' },
          { of: 'b', message: 'work', nth: 20, do: 'flip a bit' },
        ],
      },
    },
    untested: 'In shared memory nothing is sent.',
  },
  {
    id: 23,
    fault: 'kill -9 of the coordinator in any state',
    expected: 'The next one resumes from the last checkpoint; workers started by hand wait for it and join again.',
    scenarios: {
      'in the middle of a run, with two carriers': {
        carrier: 'mixed',
        entries: [
          { at: { step: 50 }, do: 'kill', to: coordinator },
          { do: 'start', to: coordinator },
        ],
      },
      'in either phase': {
        args: waitForLate,
        entries: [
          { at: { step: 10 }, do: 'nothing', to: coordinator },
          { at: { phase: 'discriminator', of: 'b' }, do: 'kill', to: coordinator },
          { do: 'start', to: coordinator },
          { do: 'continue', to: 'b' },
          { at: { step: 30 }, do: 'nothing', to: coordinator },
          { at: { phase: 'generator', of: 'a' }, do: 'kill', to: coordinator },
          { do: 'start', to: coordinator },
          { do: 'continue', to: 'a' },
        ],
      },
      'as it starts again': {
        entries: [
          { at: { step: 50 }, do: 'kill', to: coordinator },
          { do: 'start', to: coordinator },
          { at: { says: /Resuming after/, by: coordinator }, do: 'kill', to: coordinator },
          { do: 'start', to: coordinator },
        ],
      },
    },
    tests: [
      own('kills', 'kills of the coordinator at random times'),
      e2e('lifecycle', 'workers started by hand outlive a coordinator killed with -9'),
    ],
  },
  {
    id: 24,
    fault: 'Two coordinators for one run',
    expected: 'The second is refused with the process of the first.',
    tests: [e2e('lifecycle', 'a second coordinator on the same run directory or endpoint is refused')],
    untested: 'On two hosts with one shared file system: not noticed, see below.',
  },
  {
    id: 25,
    fault: 'The disk fills up',
    expected: 'Training goes on; older checkpoints stay; checkpoints are tried again.',
    scenarios: {
      'for a while': {
        diskMegabytes: 16,
        entries: [
          { at: { event: 'checkpoint' }, do: 'fill disk', to: coordinator },
          { at: { says: /A checkpoint could not be written; training continues/, by: coordinator }, do: 'empty disk', to: coordinator },
        ],
      },
    },
    tests: [
      own('checkpoints', 'a disk that is full at random times'),
      e2e('faults', 'on a full disk training goes on, the last checkpoint ends it with the path'),
      e2e('faults', 'a disk that has room again while the last checkpoint waits for it'),
    ],
  },
  {
    id: 26,
    fault: 'The disk reports errors, or is read-only',
    expected: 'As a full disk: never a success that was none, nothing unfinished left.',
    tests: [
      beside('coordinator/src/disk/files', 'in ${kind} leaves the old file and nothing else'),
      beside('coordinator/src/checkpoint/store', 'full or read-only: older checkpoints stay'),
      own('checkpoints', 'a disk that fails at random, ${what}'),
    ],
  },
  {
    id: 27,
    fault: 'kill -9 while a checkpoint is written',
    expected: 'Every checkpoint that is there is whole.',
    tests: [own('checkpoints', 'kill -9 while checkpoints are written')],
  },
  {
    id: 28,
    fault: 'A checkpoint is truncated or damaged',
    expected: 'It is passed over with a sentence for the one before it.',
    tests: [
      own('checkpoints', 'truncated anywhere, or with a flipped bit'),
      beside('coordinator/src/checkpoint/store', 'is passed over for a flipped bit in any file'),
    ],
  },
  {
    id: 29,
    fault: 'A checkpoint of another recipe, other data or other options',
    expected: 'Refused by name; any number of workers may resume.',
    tests: [
      e2e('bad-input', 'another recipe'),
      e2e('bad-input', 'other data'),
      e2e('bad-input', 'a changed flag'),
      e2e('same-bits', 'when the run is stopped and resumed with another number of workers'),
    ],
  },
  {
    id: 30,
    fault: 'Data that is missing, truncated or damaged',
    expected: 'Refused before anything starts, with file and offset. It is read once: what happens to the file later does not matter.',
    tests: [
      beside('coordinator/src/data/idx', 'any bytes are either one whole array or refused with a sentence'),
      beside('coordinator/src/data/idx', 'gzip that is truncated, damaged, or followed by other bytes is refused'),
      e2e('bad-input', 'counts that disagree'),
    ],
  },
  {
    id: 31,
    fault: 'A worker of another version or recipe',
    expected: 'Refused, with both versions in the sentence.',
    tests: [e2e('faults', 'a worker with another recipe, one with another protocol, one with a name in use, and strangers are refused')],
  },
  {
    id: 32,
    fault: 'Messages that are malformed',
    expected: 'Refused; the coordinator never throws.',
    scenarios: {
      'from a worker that took part': {
        messages: [{ of: 'b', message: 'result', nth: 10, do: 'garble' }],
        shows: [{ event: 'worker-refused', with: { worker: 'b' } }],
      },
    },
    tests: [
      beside('shared/src/protocol/codec', 'never throws, whatever bytes arrive'),
      e2e('faults', 'a worker with another recipe, one with another protocol, one with a name in use, and strangers are refused'),
    ],
  },
  {
    id: 33,
    fault: 'Headers made to cost memory or time',
    expected: 'Refused by size before they are decoded.',
    tests: [beside('shared/src/protocol/codec', 'refuses no frames, an oversized header and a header that is not msgpack')],
  },
  {
    id: 34,
    fault: 'A frame larger than any tensor may be',
    expected: 'ZeroMQ ends the connection.',
    untested: 'It would take more than 1 GiB of memory; the bound is set in `packages/shared/src/transport/zmq.ts`.',
  },
  {
    id: 35,
    fault: 'A flood of connections that say nothing, or nonsense',
    expected: 'Training goes on.',
    tests: [own('flood', 'hundreds of connections that say nothing, or nonsense')],
  },
  {
    id: 36,
    fault: 'A port in use, a host that cannot be resolved',
    expected: 'Refused at once, with address and flag.',
    tests: [
      e2e('bad-input', 'the endpoint, by a program that is not Lockstep'),
      e2e('bad-input', 'an address of another machine'),
      beside('shared/src/http/listen', 'a port that is taken is refused by the real thing'),
    ],
  },
  {
    id: 37,
    fault: 'The clock jumps by an hour',
    expected: 'Nothing: deadlines are of a monotonic clock.',
    scenarios: {
      'forwards and back': {
        clock: true,
        entries: [
          { at: { step: 40 }, do: 'shift clocks', to: coordinator, value: 3_600_000 },
          { at: { step: 80 }, do: 'shift clocks', to: coordinator, value: -3_600_000 },
        ],
      },
    },
  },
  {
    id: 38,
    fault: 'The kernel kills a worker that takes too much memory',
    expected: 'As kill -9, which it is.',
    tests: [e2e('leftovers', 'after kill -9 of a spawned worker: it is started again, each time a little later')],
    untested: 'The cause is not told apart from any other kill -9.',
  },
  {
    id: 39,
    fault: 'A GPU that has no memory left',
    expected: 'The worker ends with a code and a sentence, and is started again.',
    tests: [beside('worker/src/compute/compute', 'a backend that fails while training says in which phase')],
    untested: 'On a GPU itself.',
  },
  {
    id: 40,
    fault: 'A GPU that is lost',
    expected: 'The worker ends with a code of its own; others go on.',
    tests: [e2e('exit-codes', 'a backend that breaks down after it was checked')],
    untested: 'On a GPU itself.',
  },
  {
    id: 41,
    fault: 'SIGTERM or preemption of a worker',
    expected: 'It says LEAVE, ends with its own code, and its shards go to others at once.',
    scenarios: {
      'and its return': {
        entries: [
          { at: { step: 20 }, do: 'terminate', to: 'b' },
          { do: 'start', to: 'b' },
        ],
      },
    },
    tests: [e2e('exit-codes', 'a worker that is preempted')],
  },
  {
    id: 42,
    fault: 'SIGTERM or preemption of the coordinator',
    expected: 'A checkpoint of the round under way, farewells, its own code; a second signal ends it at once.',
    scenarios: {
      'and its return': {
        entries: [
          { at: { step: 50 }, do: 'terminate', to: coordinator },
          { do: 'start', to: coordinator },
          { do: 'start', to: 'a' },
          { do: 'start', to: 'b' },
        ],
      },
    },
    tests: [
      e2e('exit-codes', 'a coordinator that is preempted'),
      e2e('lifecycle', 'a second signal ends the process at once, with 128 plus its number, and no worker is left'),
    ],
  },
  {
    id: 43,
    fault: 'A worker joins in the middle',
    expected: 'It gets the weights, and shards from the next round on.',
    scenarios: {
      'with the other carrier': {
        carrier: 'mixed',
        late: ['b'],
        args: ['--workers', '1'],
        entries: [
          { at: { step: 40 }, do: 'start', to: 'b' },
          { at: { event: 'worker-joined', times: 2 }, do: 'nothing', to: 'b' },
        ],
      },
    },
    tests: [e2e('same-bits', 'when a worker joins half-way, and shares the work from then on')],
  },
  {
    id: 44,
    fault: 'A flood of requests for metrics',
    expected: 'Answered with 429; training goes on.',
    tests: [
      e2e('http', 'training stays live under a flood of scrapes'),
      beside('coordinator/src/http/server', 'clients that are slow to ask are cut off'),
    ],
  },
  {
    id: 45,
    fault: 'Nobody reads the output, or the disk of the log is full',
    expected: 'Training goes on; only lines of the log are lost.',
    tests: [
      e2e('dead-output', ': the run completes with the same bits'),
      e2e('dead-output', 'logs of the run directory on a full disk, or in a file that cannot be opened, are lost'),
    ],
  },
];

/** What no test can show. */
export const notSurvived = [
  'The loss of the run directory: everything that a resume needs is there.',
  'A disk that reports an fsync it has not done.',
  'Two coordinators on two hosts for one run directory on a shared file system: locks do not reach that far.',
  'Workers whose devices compute different bits: refused, unless `--allow-mixed-numerics` gives up the promise.',
  'A worker that computes wrong numbers of the right shape, by a broken device or on purpose, unless `--audit 1` compares every answer.',
  'A bit that flips in the memory of the coordinator.',
] as const;
