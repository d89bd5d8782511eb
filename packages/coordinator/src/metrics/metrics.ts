/**
 * The run's numbers for Prometheus: the instruments, and a method for each thing that moves several of them, named for what happened.
 *
 * Responsible for: turning such events into the metrics of `table.ts`, and bounding label values that come from outside. Not responsible
 * for: serving them (`http/`), measuring (the runtime passes seconds and bytes), or the words of the labels (`labels.ts`). No clock is
 * read here.
 */
import { addProcessMetrics, createInstruments, type Instruments as InstrumentsOf, onScrape, protocolVersion } from '@lockstep/shared';
import { Registry } from 'prom-client';
import { type Stage, type WorkerState, workerStates } from '../core/state.ts';
import { type PhasePart, phaseParts, type WorkerPart, workerParts } from './labels.ts';
import { type Standing, stragglerCauses } from './stragglers.ts';
import { type MetricTable, metricTable } from './table.ts';
import { createWorkerLabels, overflow } from './worker-labels.ts';

/** Bound on series whose labels come from a recipe. */
const maximumRecipeMetrics = 32;

export type Instruments = InstrumentsOf<MetricTable>;

export interface MetricsOptions {
  readonly recipe: { readonly name: string; readonly networks: readonly string[]; readonly phases: readonly string[] };
  readonly runId: string;
  /** Of the coordinator's package. */
  readonly version: string;
  readonly seed: number;
  /** Empty until known: see `runsOn`. */
  readonly backend?: string;
  /** Node's own metrics beside Lockstep's; default true. */
  readonly processMetrics?: boolean;
  /** A monotonic clock, for the grace of workers that have left. */
  readonly nowMs: () => number;
}

export interface CommittedRound {
  readonly phase: string;
  readonly loss: number;
  /** What the recipe reports beside the loss. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Those that the phase updates. */
  readonly networks: readonly { readonly name: string; readonly gradientNorm: number; readonly updateNorm: number | undefined }[];
  readonly seconds: Readonly<Record<PhasePart, number>>;
}

/** A worker that has joined. */
export interface JoinedWorker {
  readonly worker: string;
  readonly host: string;
  readonly pid: number;
  readonly backend: string;
  readonly device: string;
  readonly carrier: string;
}

export interface Metrics {
  readonly registry: Registry;
  /** Of the table: for what moves one of them by itself. Methods are for what moves several, or has a label that must be bounded. */
  readonly instruments: Instruments;
  /** Where the run stands when this process starts, and how far it shall go. */
  planned(plan: { readonly term: number; readonly step: number; readonly steps: number; readonly workersWanted: number }): void;
  runsOn(backend: string): void;
  stage(stage: Stage): void;
  roundCommitted(round: CommittedRound): void;
  /** `step`: steps committed in the whole run; `images`: consumed by this step. */
  stepCommitted(step: { readonly step: number; readonly images: number; readonly seconds: number }): void;
  /** All connected workers; a state that is not named has none. */
  workers(countsByState: Readonly<Partial<Record<WorkerState, number>>>): void;
  workerJoined(worker: JoinedWorker): void;
  /** Its series end after a grace, if it is not back by then. */
  workerLeft(name: string): void;
  /** It answered a WORK. */
  workerAnswered(name: string, seconds: { readonly answer: number; readonly compute: number }): void;
  /** For a round, or for an answer that came too late for its own. */
  workerTook(name: string, seconds: Readonly<Record<WorkerPart, number>>): void;
  workerStands(name: string, standing: Standing): void;
  /** What a worker is called in metrics. */
  workerLabel(name: string): string;
  checkpointWritten(checkpoint: { readonly seconds: number; readonly bytes: number; readonly atSecondsSince1970: number }): void;
}

/** A fresh registry with every metric declared, and known series of counters and histograms at 0. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const instruments = createInstruments(metricTable, registry, options.recipe);
  instruments.buildInfo.set({ version: options.version, protocol: protocolVersion }, 1);
  if (options.processMetrics ?? true) addProcessMetrics(registry);
  const checkpointDuration = instruments.checkpointDuration.series({});
  return {
    registry,
    instruments,
    ...runMethods(instruments, options),
    ...trainingMethods(instruments, options.recipe.phases),
    ...workerMethods(instruments, registry, options.nowMs),
    checkpointWritten({ seconds, bytes, atSecondsSince1970 }) {
      instruments.checkpointSize.set(bytes);
      checkpointDuration.observe(seconds);
      instruments.checkpointLastSuccess.set(atSecondsSince1970);
    },
  };
}

function runMethods(instruments: Instruments, options: MetricsOptions): Pick<Metrics, 'planned' | 'runsOn' | 'stage'> {
  const { recipe, runId, seed, backend = '' } = options;
  const runsOn = (name: string): void => {
    instruments.runInfo.reset(); // one run, one series: the label changes, the series must not be doubled
    instruments.runInfo.set({ run_id: runId, recipe: recipe.name, seed, backend: name }, 1);
  };
  runsOn(backend);
  return {
    runsOn,
    stage(stage) {
      instruments.runStage.reset(); // of the stages, the present one alone
      instruments.runStage.set({ stage }, 1);
    },
    planned({ term, step, steps, workersWanted }) {
      instruments.coordinatorTerm.set(term);
      instruments.runStep.set(step);
      instruments.runPlannedSteps.set(steps);
      instruments.workersWanted.set(workersWanted);
    },
  };
}

function trainingMethods(instruments: Instruments, phases: readonly string[]): Pick<Metrics, 'roundCommitted' | 'stepCommitted'> {
  const namesByPhase = new Map<string, Set<string>>();
  const isExported = (phase: string, name: string): boolean => {
    const names = namesByPhase.get(phase) ?? new Set<string>();
    namesByPhase.set(phase, names);
    if (names.size < maximumRecipeMetrics) names.add(name);
    return names.has(name);
  };
  const stepDuration = instruments.stepDuration.series({});
  const seriesOf = (phase: string) => phaseParts.map((part) => ({ part, series: instruments.phaseDuration.series({ phase, part }) }));
  const durations = new Map(phases.map((phase) => [phase, seriesOf(phase)]));
  return {
    roundCommitted(round) {
      const { phase } = round;
      for (const { name: network, gradientNorm, updateNorm } of round.networks) {
        instruments.loss.set({ phase, network }, round.loss);
        instruments.gradientNorm.set({ phase, network }, gradientNorm);
        if (updateNorm !== undefined) instruments.updateNorm.set({ phase, network }, updateNorm);
      }
      for (const [name, value] of Object.entries(round.metrics)) {
        if (isExported(phase, name)) instruments.recipeMetric.set({ phase, name }, value);
      }
      for (const { part, series } of durations.get(phase) ?? seriesOf(phase)) series.observe(round.seconds[part]);
    },
    stepCommitted({ step, images, seconds }) {
      instruments.runStep.set(step);
      instruments.steps.inc();
      instruments.images.inc(images);
      stepDuration.observe(seconds);
    },
  };
}

type WorkerMethods = Pick<
  Metrics,
  'workers' | 'workerJoined' | 'workerLeft' | 'workerAnswered' | 'workerTook' | 'workerStands' | 'workerLabel'
>;

function workerMethods(instruments: Instruments, registry: Registry, nowMs: () => number): WorkerMethods {
  const labels = createWorkerLabels();
  const series = createWorkerSeries(instruments);
  const expire = (): void => labels.expire(nowMs()).forEach(series.end);
  // Nothing else may happen in a run without workers: whoever reads must not find those that are long gone.
  onScrape(registry, expire);
  return {
    workers(countsByState) {
      for (const state of workerStates) instruments.workers.set({ state }, countsByState[state] ?? 0);
    },
    workerJoined(joined) {
      expire();
      instruments.workerJoins.inc();
      series.begin(labels.join({ ...joined, name: joined.worker }), joined);
    },
    workerLeft(name) {
      series.forgetVerdict(labels.of(name));
      labels.leave(name, nowMs());
    },
    workerAnswered(name, { answer, compute }) {
      const worker = labels.of(name);
      instruments.workerCompute.series({ worker }).observe(compute);
      instruments.workerAnswer.series({ worker }).observe(answer);
    },
    workerTook(name, seconds) {
      const worker = labels.of(name);
      for (const part of workerParts) instruments.workerTime.inc({ worker, part }, seconds[part]);
    },
    workerStands(name, standing) {
      const worker = labels.of(name);
      if (worker === overflow) return;
      instruments.workerLate.set({ worker }, standing.lateSeconds);
      for (const cause of stragglerCauses) instruments.workerStraggler.set({ worker, cause }, standing.cause === cause ? 1 : 0);
    },
    workerLabel: labels.of,
  };
}

/** Series that name a worker: they begin together, and end together. */
function createWorkerSeries(instruments: Instruments) {
  const { workerInfo, workerCompute, workerAnswer, workerTime, workerLate, workerStraggler } = instruments;
  /** By label: the labels of its info. */
  const infos = new Map<string, Parameters<typeof workerInfo.remove>[0]>();
  const forgetVerdict = (worker: string): void => {
    workerLate.remove({ worker });
    for (const cause of stragglerCauses) workerStraggler.remove({ worker, cause });
  };
  const forgetInfo = (worker: string): void => {
    const info = infos.get(worker);
    if (info !== undefined) workerInfo.remove(info);
  };
  return {
    /** Another life of a worker goes on where the last one ended; where it runs may have changed. */
    begin(worker: string, { worker: name, host, backend, device, carrier }: JoinedWorker): void {
      if (!infos.has(worker)) {
        workerCompute.series({ worker });
        workerAnswer.series({ worker });
        for (const part of workerParts) workerTime.inc({ worker, part }, 0);
      }
      forgetInfo(worker);
      const info = worker === overflow ? undefined : { worker, name, host, backend, device, carrier };
      infos.set(worker, info ?? {});
      if (info !== undefined) workerInfo.set(info, 1);
    },
    forgetVerdict,
    end(worker: string): void {
      forgetInfo(worker);
      infos.delete(worker);
      forgetVerdict(worker);
      workerCompute.remove({ worker });
      workerAnswer.remove({ worker });
      for (const part of workerParts) workerTime.remove({ worker, part });
    },
  };
}
