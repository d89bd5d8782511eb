/**
 * What a run writes and tells: losses, events, grids, checkpoints, metrics, the progress line and the log. Fed by the runtime.
 *
 * Responsible for: putting each fact into every place that wants it. Not responsible for: how each place works (`run/`, `checkpoint/`,
 * `metrics/`, `progress.ts`), or for anything that touches the numbers.
 */
import { type CarrierName, type Clock, type Log, onScrape, type Recipe } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointWriter } from '../checkpoint/writer.ts';
import { type Cursor, imagesPerStep } from '../core/cursor.ts';
import { describe } from '../core/describe.ts';
import type { DropReason, Effect, RecordEntry, RefusalCode } from '../core/effects.ts';
import type { TaskKind } from '../core/events.ts';
import type { Plan } from '../core/plan.ts';
import { countWorkers, readyWorkers, type State } from '../core/state.ts';
import type { DatasetInfo } from '../data/dataset.ts';
import type { LiveFigures } from '../live/live-figures.ts';
import type { Direction } from '../metrics/labels.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Standing } from '../metrics/stragglers.ts';
import type { Numerics } from '../run/config-file.ts';
import type { RunDirectory } from '../run/run-directory.ts';
import type { SavedNetwork } from '../training/model.ts';
import type { Committed, NotFinite } from '../training/round.ts';
import { createGridWriter } from './grid-writer.ts';
import type { ProgressView } from './progress-line.ts';
import type { Progress } from './progress.ts';
import type { RunSink } from './sink.ts';
import { createStallWatch, describeStall } from './stall.ts';
import { createStepFigures, type PartialRecord, type StepRecord, type TimedPart } from './step-figures.ts';
import { tell } from './tell.ts';
import { createThroughputMeter, type ThroughputMeter } from './throughput-meter.ts';
import { createWorkerTimes } from './worker-times.ts';

/** The line of a completed step in losses.jsonl. */
export interface StepLine extends StepRecord {
  /** Completed steps, this one included. */
  readonly step: number;
  /** Images seen by then. */
  readonly images: number;
}

export interface RecorderOptions {
  readonly plan: Plan;
  readonly recipe: Recipe;
  readonly dataset: DatasetInfo;
  readonly directory: RunDirectory;
  readonly checkpoints: CheckpointWriter;
  readonly metrics: Metrics;
  readonly progress: Progress;
  /** For TensorBoard and the like. */
  readonly sinks: readonly RunSink[];
  readonly log: Log;
  /** Whoever else wants the line of every step. */
  readonly onStep?: ((line: StepLine) => void) | undefined;
  /** For the live page. */
  readonly live?: LiveFigures | undefined;
  /** Where the run stands when this process takes it up; undefined for a new run. */
  readonly resumed: Pick<Checkpoint, 'partial' | 'backend'> | undefined;
  /** Told once what a run without a checkpoint is computed with. */
  readonly computesWith: (numerics: Numerics) => void;
  /** What every checkpoint of the run has in common. */
  readonly identity: Pick<Checkpoint, 'lockstepVersion' | 'run' | 'datasetSha256'>;
  readonly clock: Clock;
}

export interface Totals {
  /** First WORK to last commit of this process. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly backend: string;
  /** Shards each worker had committed, by name, in this process. */
  readonly shardsCommitted: Readonly<Record<string, number>>;
}

/** What a runtime tells. */
export interface RunRecorder {
  began(task: TaskKind, cursor: Cursor): void;
  /** A WORK is about to be made and sent. */
  assigned(worker: string): void;
  /** Of the round under way, or of the pause before the next. */
  spent(part: TimedPart, seconds: number): void;
  measured(effect: Extract<Effect, { do: 'measure' }>): void;
  /** The loss or the gradient of the round under way is not finite, the first time that it is computed. */
  nonfinite(cursor: Cursor): void;
  /** Nor the second time: it is left out. */
  skipped(round: NotFinite): void;
  committed(round: Committed): void;
  stepCompleted(cursor: Cursor): void;
  grid(step: number, pictures: Float32Array): void;
  checkpoint(effect: Extract<Effect, { do: 'checkpoint' }>, networks: readonly SavedNetwork[]): void;
  record(entry: RecordEntry): void;
  reassigned(shards: number): void;
  copied(shards: number): void;
  audited(shards: number): void;
  dropped(reason: DropReason): void;
  damaged(direction: Direction): void;
  refused(code: RefusalCode): void;
  bytes(carrier: CarrierName, direction: Direction, count: number): void;
  /** At the start, and after every event. */
  stateChanged(state: State): void;
}

export interface Recorder extends RunRecorder {
  /** Whether a worker is late, and why; undefined until that is known. */
  standing(worker: string): Standing | undefined;
  totals(state: State): Totals;
  /** Nothing more is reported. Resolves when every grid is written, or has failed, and every sink is closed. */
  settled(): Promise<void>;
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { plan, directory, metrics, sinks, live, log, clock } = options;
  const images = imagesPerStep(plan.phases, plan.run.batchSize);
  const figures = createStepFigures(options.resumed?.partial as PartialRecord | undefined, clock.nowMs);
  const throughput = createThroughputMeter(images, clock.nowMs);
  const grids = createGridWriter({ ...options, count: plan.pictures });
  const roster = createRoster(options);
  const times = createWorkerTimes(metrics, log, clock.nowMs);
  const teller = createStateTeller(options, (state) => viewOf(state, options, figures.losses(), throughput));

  return {
    began(task, cursor) {
      teller.moved();
      if (task !== 'gradient') return;
      figures.beginRound();
      times.beginRound(cursor.phase);
      throughput.begin(cursor.step);
    },
    assigned: times.assigned,
    spent: figures.spent,
    measured(effect) {
      teller.moved();
      times.answered(effect);
      if (effect.task === 'gradient') live?.measured(effect.worker, effect.computeSeconds, effect.counts);
      if (effect.counts) figures.measured(effect.computeSeconds);
    },
    committed(round) {
      const seconds = figures.commit(round);
      metrics.roundCommitted({ ...round, seconds });
      live?.committed(round.phase, seconds);
      times.committed();
    },
    skipped: figures.skip,
    stepCompleted({ step }) {
      const { record, seconds } = figures.completeStep();
      const line = { step, images: step * images, ...record };
      directory.appendLoss(line);
      options.onStep?.(line);
      metrics.stepCommitted({ step, images, seconds });
      throughput.advance(step);
      const rate = throughput.estimate(plan.totalSteps);
      if (rate.remainingSeconds !== undefined) metrics.instruments.runRemaining.set(rate.remainingSeconds);
      for (const sink of sinks) sink.stepCompleted(line, rate.imagesPerSecond);
      live?.stepCompleted(step, images, seconds, rate);
    },
    grid: grids.write,
    checkpoint: (effect, saved) => options.checkpoints.write(checkpointOf(effect, saved, options, figures.record(), roster.backend())),
    record(entry) {
      if (entry.event === 'worker-left') times.left(entry.worker);
      directory.appendEvent(entry);
      tell(entry, log, metrics);
      roster.record(entry);
    },
    ...countersOf(options),
    stateChanged: teller.tell,
    standing: times.standing,
    totals: (state) => ({ ...throughput.totals(), backend: roster.backend(), shardsCommitted: roster.shardsCommitted(state) }),
    settled: () => grids.settled().then(() => closeAll(sinks)),
  };
}

/** What is only counted. */
function countersOf({
  plan,
  metrics: { instruments },
}: RecorderOptions): Pick<Recorder, 'nonfinite' | 'reassigned' | 'copied' | 'audited' | 'dropped' | 'damaged' | 'refused' | 'bytes'> {
  return {
    nonfinite: ({ phase }) => instruments.nonFiniteRounds.inc({ phase: plan.phases[phase]!.name }),
    reassigned: (count) => instruments.shardsReassigned.inc(count),
    copied: (count) => instruments.shardsCopied.inc(count),
    audited: (count) => instruments.shardsAudited.inc(count),
    dropped: (reason) => instruments.resultsDropped.inc({ reason }),
    damaged: (direction) => instruments.damagedMessages.inc({ direction }),
    refused: (code) => instruments.workerRefusals.inc({ code }),
    bytes: (carrier, direction, count) => instruments.transferredBytes.inc({ carrier, direction }, count),
  };
}

async function closeAll(sinks: readonly RunSink[]): Promise<void> {
  await Promise.all(sinks.map((sink) => sink.close()));
}

function checkpointOf(
  { cursor, versions, fingerprint, skippedRounds }: Extract<Effect, { do: 'checkpoint' }>,
  networks: readonly SavedNetwork[],
  { plan, identity }: RecorderOptions,
  partial: PartialRecord,
  backend: string,
): Checkpoint {
  const roundsPerStep = plan.phases.reduce((sum, phase) => sum + phase.repeat, 0);
  return {
    ...identity,
    runId: plan.runId,
    cursor,
    roundsIntoStep: cursor.round - cursor.step * roundsPerStep,
    ...(skippedRounds === 0 ? {} : { skippedRounds }),
    backend,
    fingerprint,
    partial: { ...partial },
    networks: networks.map((network) => ({ ...network, version: versions[network.name]! })),
  };
}

/** What computes the run, and who has done how much of it. */
function createRoster({ resumed, metrics, computesWith }: RecorderOptions) {
  let backend = resumed?.backend ?? '';
  if (backend !== '') metrics.runsOn(backend);
  const departed: Record<string, number> = {};
  return {
    backend: () => backend,
    record(entry: RecordEntry) {
      if (entry.event === 'worker-joined' && backend === '') {
        metrics.runsOn((backend = entry.backend));
        computesWith(entry);
      }
      if (entry.event === 'worker-left') departed[entry.worker] = (departed[entry.worker] ?? 0) + entry.shardsCommitted;
    },
    shardsCommitted(state: State): Record<string, number> {
      const counts = { ...departed };
      for (const { name, shardsCommitted } of state.workers.values()) counts[name] = (counts[name] ?? 0) + shardsCommitted;
      return counts;
    },
  };
}

function createStateTeller({ metrics, progress, log, clock }: RecorderOptions, view: (state: State) => ProgressView) {
  let toldStage: State['stage'] | undefined;
  let current: State | undefined;
  const stall = createStallWatch(clock, show);
  function show(): void {
    if (current?.stage !== 'training' && current?.stage !== 'starved') return;
    const stalledMs = stall.stalledMs();
    const waiting = stalledMs === undefined ? undefined : describeStall(current, stalledMs);
    progress.update({ ...view(current), ...(waiting === undefined ? {} : { waiting }) }, clock.nowMs());
  }
  onScrape(metrics.registry, () => {
    if (current !== undefined) metrics.workers(countWorkers(current));
  });
  function tell(state: State): void {
    const waiting = state.stage === 'gathering' || state.stage === 'starved' ? describe(state) : undefined;
    // Once per wait; who joins meanwhile is told as it happens, and /status has the current sentence.
    if (state.stage !== toldStage) {
      if (waiting !== undefined) log.info(waiting);
      metrics.stage(state.stage);
    }
    toldStage = state.stage;
    current = state;
    if (state.stage === 'ended') stall.close();
    show();
  }
  return { tell, moved: stall.moved };
}

function viewOf(
  state: State,
  { plan, dataset }: RecorderOptions,
  losses: ProgressView['losses'],
  throughput: ThroughputMeter,
): ProgressView {
  const { step } = state.cursor;
  const images = imagesPerStep(plan.phases, plan.run.batchSize);
  return {
    step,
    steps: plan.totalSteps,
    epoch: (step * images) / dataset.count,
    epochs: (plan.totalSteps * images) / dataset.count,
    ...throughput.estimate(plan.totalSteps),
    losses,
    workersLive: readyWorkers(state).length,
    workersWanted: plan.workersWanted,
  };
}
