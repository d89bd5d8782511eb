/**
 * The run's numbers for Prometheus: the instruments, and a method for each thing that moves several of them, named for what happened.
 *
 * Responsible for: turning such events into the metrics of `table.ts`, and bounding label values that come from outside. Not responsible
 * for: serving them (`http/`), measuring (the runtime passes seconds and bytes), or the words of the labels (`labels.ts`). No clock is
 * read here.
 */
import { protocolVersion } from '@lockstep/shared';
import { Registry } from 'prom-client';
import { createInstruments, type Instruments } from './instruments.ts';
import { type PhasePart, phaseParts, type WorkerState, workerStates } from './labels.ts';
import { addProcessMetrics } from './process.ts';

/** Bounds on series whose labels come from workers. */
const maximumWorkerNames = 256;
const maximumRecipeMetrics = 32;
const overflowWorker = 'other';

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
}

export interface CommittedRound {
  readonly phase: string;
  readonly network: string;
  readonly loss: number;
  readonly gradientNorm: number;
  /** What the recipe reports beside the loss. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly computeSeconds: number;
  readonly waitSeconds: number;
  readonly reduceSeconds: number;
  readonly applySeconds: number;
}

export interface Metrics {
  readonly registry: Registry;
  /** Of the table: for what moves one of them by itself. Methods are for what moves several, or has a label that must be bounded. */
  readonly instruments: Instruments;
  /** Where the run stands when this process starts, and how far it shall go. */
  planned(plan: { readonly term: number; readonly step: number; readonly steps: number; readonly workersWanted: number }): void;
  runsOn(backend: string): void;
  roundCommitted(round: CommittedRound): void;
  /** `step`: steps committed in the whole run; `images`: consumed by this step. */
  stepCommitted(step: { readonly step: number; readonly images: number; readonly seconds: number }): void;
  /** All connected workers; a state that is not named has none. */
  workers(countsByState: Readonly<Partial<Record<WorkerState, number>>>): void;
  workerJoined(name: string): void;
  /** No worker of this name is expected back: its series end. */
  workerGone(name: string): void;
  workerComputed(name: string, seconds: number): void;
  checkpointWritten(checkpoint: { readonly seconds: number; readonly atSecondsSince1970: number }): void;
}

/** A fresh registry with every metric declared and every known series at 0. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const instruments = createInstruments(registry, options.recipe);
  instruments.buildInfo.set({ version: options.version, protocol: protocolVersion }, 1);
  if (options.processMetrics ?? true) addProcessMetrics(registry);
  return {
    registry,
    instruments,
    ...runMethods(instruments, options),
    ...trainingMethods(instruments),
    ...workerMethods(instruments),
    checkpointWritten({ seconds, atSecondsSince1970 }) {
      instruments.checkpointDuration.observe(seconds);
      instruments.checkpointLastSuccess.set(atSecondsSince1970);
    },
  };
}

function runMethods(instruments: Instruments, options: MetricsOptions): Pick<Metrics, 'planned' | 'runsOn'> {
  const { recipe, runId, seed, backend = '' } = options;
  const runsOn = (name: string): void => {
    instruments.runInfo.reset(); // one run, one series: the label changes, the series must not be doubled
    instruments.runInfo.set({ run_id: runId, recipe: recipe.name, seed, backend: name }, 1);
  };
  runsOn(backend);
  return {
    runsOn,
    planned({ term, step, steps, workersWanted }) {
      instruments.coordinatorTerm.set(term);
      instruments.runStep.set(step);
      instruments.runPlannedSteps.set(steps);
      instruments.workersWanted.set(workersWanted);
    },
  };
}

function trainingMethods(instruments: Instruments): Pick<Metrics, 'roundCommitted' | 'stepCommitted'> {
  const namesByPhase = new Map<string, Set<string>>();
  const isExported = (phase: string, name: string): boolean => {
    const names = namesByPhase.get(phase) ?? new Set<string>();
    namesByPhase.set(phase, names);
    if (names.size < maximumRecipeMetrics) names.add(name);
    return names.has(name);
  };
  return {
    roundCommitted(round) {
      const { phase, network } = round;
      instruments.loss.set({ network }, round.loss);
      instruments.gradientNorm.set({ network }, round.gradientNorm);
      for (const [name, value] of Object.entries(round.metrics)) {
        if (isExported(phase, name)) instruments.recipeMetric.set({ phase, name }, value);
      }
      const seconds: Record<PhasePart, number> = {
        compute: round.computeSeconds,
        wait: round.waitSeconds,
        reduce: round.reduceSeconds,
        apply: round.applySeconds,
      };
      for (const part of phaseParts) instruments.phaseDuration.observe({ phase, part }, seconds[part]);
    },
    stepCommitted({ step, images, seconds }) {
      instruments.runStep.set(step);
      instruments.steps.inc();
      instruments.images.inc(images);
      instruments.stepDuration.observe(seconds);
    },
  };
}

type WorkerMethods = Pick<Metrics, 'workers' | 'workerJoined' | 'workerGone' | 'workerComputed'>;

function workerMethods(instruments: Instruments): WorkerMethods {
  const names = new Set<string>();
  /** The label for a worker: its name while there is room, and its series at 0 from the first mention. */
  const labelOf = (name: string): string => {
    const label = names.has(name) || names.size < maximumWorkerNames ? name : overflowWorker;
    if (!names.has(label)) {
      names.add(label);
      instruments.workerCompute.zero({ worker: label });
    }
    return label;
  };
  return {
    workers(countsByState) {
      for (const state of workerStates) instruments.workers.set({ state }, countsByState[state] ?? 0);
    },
    workerJoined(name) {
      labelOf(name);
      instruments.workerJoins.inc();
    },
    workerGone(name) {
      if (names.delete(name)) instruments.workerCompute.remove({ worker: name });
    },
    workerComputed(name, seconds) {
      instruments.workerCompute.observe({ worker: labelOf(name) }, seconds);
    },
  };
}
