/**
 * What a run writes and tells: losses, events, grids, checkpoints, metrics, the progress line and the log. Fed by the runtime.
 *
 * Responsible for: putting each fact into every place that wants it. Not responsible for: how each place works (`run-directory.ts`,
 * `checkpoint/`, `metrics.ts`, `progress.ts`), or for anything that touches the numbers.
 */
import type { Log, Recipe } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointWriter } from '../checkpoint/writer.ts';
import { type Cursor, imagesPerStep } from '../core/cursor.ts';
import { describe } from '../core/describe.ts';
import type { DropReason, RecordEntry } from '../core/effects.ts';
import type { TaskKind } from '../core/events.ts';
import type { Plan } from '../core/plan.ts';
import { countWorkers, readyWorkers, type State } from '../core/state.ts';
import type { Dataset } from '../data/mnist.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Direction } from '../metrics/labels.ts';
import { type Model, saveModel } from '../training/model.ts';
import type { ProgressView } from './progress-line.ts';
import type { Progress } from './progress.ts';
import type { Committed } from '../training/round.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import { encodeGrid, pictureShape } from './grid.ts';
import {
  advanceThroughput,
  currentRates,
  remainingSeconds,
  startThroughput,
  summaryImagesPerSecond,
  type Throughput,
} from './throughput.ts';

/** What the rounds of the step under way have yielded: its line of losses.jsonl in the making, kept in checkpoints. By network, the last round wins. */
export interface StepRecord {
  readonly loss: Readonly<Record<string, number>>;
  readonly gradientNorm: Readonly<Record<string, number>>;
  readonly metrics: Readonly<Record<string, number>>;
}

export const emptyStep: StepRecord = { loss: {}, gradientNorm: {}, metrics: {} };

export interface RecorderOptions {
  readonly plan: Plan;
  readonly recipe: Recipe;
  readonly dataset: Dataset;
  readonly directory: RunDirectory;
  readonly checkpoints: CheckpointWriter;
  readonly metrics: Metrics;
  readonly progress: Progress;
  readonly log: Log;
  /** Where the run stands when this process takes it up. */
  readonly start: {
    readonly cursor: Cursor;
    readonly partial: StepRecord;
    readonly fingerprint: string | undefined;
    readonly backend: string | undefined;
  };
  /** What every checkpoint of the run has in common. */
  readonly identity: Pick<Checkpoint, 'lockstepVersion' | 'run' | 'datasetSha256'>;
  readonly nowMs: () => number;
}

export interface Totals {
  /** First WORK to last commit of this process. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly backend: string;
  /** Shards each worker had committed, by name, in this process. */
  readonly shardsCommitted: Readonly<Record<string, number>>;
}

export interface Recorder {
  initialised(model: Model, fingerprint: string): void;
  began(task: TaskKind): void;
  computed(worker: string | undefined, seconds: number): void;
  committed(round: Committed): void;
  stepCompleted(cursor: Cursor): void;
  sample(step: number, pictures: Float32Array): void;
  checkpoint(cursor: Cursor, model: Model): void;
  record(entry: RecordEntry): void;
  reassigned(count: number): void;
  dropped(reason: DropReason): void;
  bytes(direction: Direction, count: number): void;
  /** After every event: workers may have come, gone or changed what they do. */
  stateChanged(state: State): void;
  totals(state: State): Totals;
  /** Resolves when no picture is being written any more. */
  settled(): Promise<void>;
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { plan, recipe, dataset, directory, metrics, progress, log, nowMs } = options;
  const images = imagesPerStep(plan.phases, plan.run.batchSize);
  let step = options.start.partial;
  let { cursor } = options.start;
  let { fingerprint } = options.start;
  let throughput: Throughput | undefined;
  let losses: Readonly<Record<string, number>> = {};
  let backend = options.start.backend ?? '';
  if (backend !== '') metrics.runsOn(backend);
  const shardsOfDeparted: Record<string, number> = {};
  let roundStartMs = 0;
  let slowestComputeSeconds = 0;
  let stepStartMs: number | undefined;
  let samples: Promise<void> = Promise.resolve();
  let toldStage: State['stage'] | undefined;

  return {
    initialised(_, value) {
      fingerprint = value;
    },
    began(task) {
      roundStartMs = nowMs();
      slowestComputeSeconds = 0;
      if (task !== 'gradient') return;
      stepStartMs ??= roundStartMs;
      throughput ??= startThroughput({ step: cursor.step, images: cursor.step * images, nowMs: roundStartMs });
    },
    computed(worker, seconds) {
      slowestComputeSeconds = Math.max(slowestComputeSeconds, seconds);
      if (worker !== undefined) metrics.workerComputed(worker, seconds);
    },
    committed(round) {
      const { phase, network, loss, gradientNorm, reduceSeconds, applySeconds } = round;
      const elapsed = (nowMs() - roundStartMs) / 1000;
      const waitSeconds = Math.max(0, elapsed - slowestComputeSeconds - reduceSeconds - applySeconds);
      metrics.roundCommitted({
        phase,
        network,
        loss,
        gradientNorm,
        metrics: round.metrics,
        computeSeconds: slowestComputeSeconds,
        waitSeconds,
        reduceSeconds,
        applySeconds,
      });
      losses = { ...losses, [network]: loss };
      step = {
        loss: { ...step.loss, [network]: loss },
        gradientNorm: { ...step.gradientNorm, [network]: gradientNorm },
        metrics: { ...step.metrics, ...round.metrics },
      };
    },
    stepCompleted(next) {
      cursor = next;
      directory.appendLoss({ step: cursor.step, images: cursor.step * images, ...step });
      step = emptyStep;
      const now = nowMs();
      metrics.stepCommitted({ step: cursor.step, images, seconds: (now - (stepStartMs ?? now)) / 1000 });
      stepStartMs = undefined;
      throughput = advanceThroughput(throughput!, { step: cursor.step, images: cursor.step * images, nowMs: now });
    },
    sample(atStep, pictures) {
      const { shape, range } = recipe.real;
      const png = encodeGrid(pictures, { count: plan.pictures, shape: pictureShape(shape, dataset.shape), range, columns: 8 });
      samples = samples
        .then(() => directory.writeGrid(atStep, png))
        .then(
          (path) => log.info(`Pictures of step ${atStep}: ${path}`),
          (error: unknown) => log.error(`The pictures of step ${atStep} could not be written: ${(error as Error).message}`),
        );
    },
    checkpoint(at, model) {
      const networks = Object.entries(saveModel(model)).map(([name, saved]) => {
        const network = model.get(name)!;
        return {
          name,
          manifest: network.manifest,
          version: saved.version,
          weights: saved.weights,
          optimizer: { kind: network.optimizer.kind, ...saved.optimizer },
        };
      });
      options.checkpoints.write({
        ...options.identity,
        runId: plan.runId,
        cursor: at,
        roundsIntoStep: at.round - at.step * roundsPerStep(plan),
        backend,
        fingerprint: fingerprint!,
        partial: { ...step },
        networks,
      });
    },
    record(entry) {
      directory.appendEvent(entry);
      tell(entry, log, metrics);
      if (entry.event === 'worker-joined' && backend === '') metrics.runsOn((backend = entry.backend));
      if (entry.event === 'worker-left') shardsOfDeparted[entry.worker] = (shardsOfDeparted[entry.worker] ?? 0) + entry.shardsCommitted;
    },
    reassigned: (count) => metrics.shardsReassigned(count),
    dropped: (reason) => metrics.resultDropped(reason),
    bytes: (direction, count) => metrics.bytes(direction, count),
    stateChanged(state) {
      metrics.workers(countWorkers(state));
      const waiting = state.stage === 'gathering' || state.stage === 'starved' ? describe(state).reason : undefined;
      // Once per wait; who joins meanwhile is told as it happens, and /status has the current sentence.
      if (state.stage !== toldStage && waiting !== undefined) log.info(waiting);
      toldStage = state.stage;
      if (state.stage === 'training') progress.update(viewOf(state), nowMs());
    },
    totals(state) {
      const now = throughput?.recent.at(-1)?.nowMs ?? 0;
      const shardsCommitted: Record<string, number> = { ...shardsOfDeparted };
      for (const { name, shardsCommitted: count } of state.workers.values()) shardsCommitted[name] = (shardsCommitted[name] ?? 0) + count;
      return {
        seconds: throughput === undefined ? 0 : (now - throughput.start.nowMs) / 1000,
        imagesPerSecond: throughput === undefined ? 0 : summaryImagesPerSecond(throughput),
        backend,
        shardsCommitted,
      };
    },
    settled: () => samples,
  };

  function viewOf(state: State): ProgressView {
    const now = nowMs();
    return {
      step: cursor.step,
      steps: plan.totalSteps,
      epoch: (cursor.step * images) / dataset.count,
      epochs: (plan.totalSteps * images) / dataset.count,
      imagesPerSecond: throughput === undefined ? undefined : currentRates(throughput, now)?.imagesPerSecond,
      remainingSeconds: throughput === undefined ? undefined : remainingSeconds(throughput, plan.totalSteps, now),
      losses,
      workersLive: readyWorkers(state).length,
      workersWanted: plan.workersWanted,
    };
  }
}

function roundsPerStep(plan: Plan): number {
  return plan.phases.reduce((sum, phase) => sum + phase.repeat, 0);
}

/** The same fact for a person and for Prometheus. */
function tell(entry: RecordEntry, log: Log, metrics: Metrics): void {
  switch (entry.event) {
    case 'worker-joined':
      metrics.workerJoined(entry.worker);
      return log.info(
        `Worker ${entry.worker} joined: ${entry.backend} on ${entry.device}, host ${entry.host}, tensors ${entry.carrier === 'shm' ? 'through shared memory' : 'in messages'}.`,
      );
    case 'worker-left':
      metrics.workerLeft(entry.cause);
      if (entry.cause === 'left' || entry.cause === 'expelled') metrics.workerGone(entry.worker);
      return log.warn(`Worker ${entry.worker} is gone: ${entry.reason}.`);
    case 'worker-refused':
      return log.warn(`Worker ${entry.worker} was refused: ${entry.reason}`);
    case 'shards-reassigned':
      return log.info(`Shards ${entry.shards.join(', ')} of worker ${entry.worker} are dealt again.`);
    case 'training':
      return log.info(entry.reason);
    case 'waiting':
      return; // told by `stateChanged`, each time the sentence changes
  }
}
