/** One life of a coordinator in a simulated world: the real runtime, recorder and checkpoint writer on a simulated disk, network and clock. */
import { LockstepError, type Log, type RunSettings } from '@lockstep/shared';
import { createResidentBatches } from '../../packages/coordinator/src/data/batches.ts';
import type { Plan } from '../../packages/coordinator/src/core/plan.ts';
import { createMetrics } from '../../packages/coordinator/src/metrics/metrics.ts';
import { startOf } from '../../packages/coordinator/src/run/start.ts';
import type { Progress } from '../../packages/coordinator/src/reporting/progress.ts';
import type { Ending, Runtime } from '../../packages/coordinator/src/runtime.ts';
import { serve } from '../../packages/coordinator/src/serve.ts';
import { createCarriers } from '../../packages/coordinator/src/wire/carriers.ts';
import type { Process } from './clock.ts';
import { type MountedDisk, openDirectory, openStore } from './disk.ts';
import type { SimulatedNetwork } from './network.ts';
import { dataInputs, dataset, datasetInfo, networks, phases, recipe } from './training.ts';

/** What a run is told by its options. */
export interface Settings {
  readonly run: RunSettings;
  readonly totalSteps: number;
  readonly workersWanted: number;
  readonly minWorkers: number;
  readonly auditRate: number;
  readonly checkpointEverySteps: number;
  readonly checkpointEveryMs: number | undefined;
  readonly gridEverySteps: number;
}

/** As the programs have them when nothing else is said. */
export const joinTimeoutMs = 600_000;
export const workerTimeoutMs = 120_000;
export const runId = 'simulated-run';

export interface CoordinatorOptions {
  readonly settings: Settings;
  readonly process: Process;
  readonly disk: MountedDisk;
  readonly network: SimulatedNetwork;
  /** Called when it serves, at `round`. */
  readonly started: (runtime: Runtime, round: number) => void;
  /** A round was applied; the core does not know yet. */
  readonly committed: (runtime: Runtime) => void;
  /** An entry for events.jsonl. */
  readonly recorded: (event: string) => void;
}

/** Why a coordinator's process ends. `done`: the run is complete, and safe on disk. */
export type End = 'done' | 'disk' | Ending['outcome'] | NonNullable<Ending['code']>;

export async function runCoordinator(options: CoordinatorOptions): Promise<End> {
  try {
    return await run(options);
  } catch (error) {
    if (error instanceof LockstepError) return error.code;
    throw error;
  }
}

async function run(options: CoordinatorOptions): Promise<End> {
  const { settings, process, disk, network } = options;
  const store = openStore(disk);
  const { latest } = await store.latest();
  const checkpoint = latest?.checkpoint;
  const directory = await openDirectory(disk, checkpoint?.cursor.step ?? 0, options.recorded);
  if (checkpoint !== undefined && checkpoint.cursor.step >= settings.totalSteps) return 'done';
  const transport = await network.listen(process);
  try {
    const plan = planOf(settings, await directory.recordStart({}));
    const hasGrid = async (step: number): Promise<boolean> => disk.disk.grids.has(step);
    const start = await startOf(plan, checkpoint, hasGrid);
    const batches = createResidentBatches(dataInputs, dataset, settings.run);
    const parts = { plan, start, recipe, learningRate: undefined, dataset: datasetInfo, batches, checkpoint, directory, store, transport };
    const roundCommitted: typeof metrics.roundCommitted = (round) => {
      metrics.roundCommitted(round);
      options.committed(served.runtime);
    };
    const told = { metrics: { ...metrics, roundCommitted }, progress: noProgress, sinks: [], log: silentLog };
    const served = serve({ ...parts, ...told, carriers: createCarriers('inline'), computesWith: nothing, clock: process.clock });
    options.started(served.runtime, start.cursor.round);
    const { outcome, code } = await served.runtime.ended;
    await served.recorder.settled();
    const failure = await served.checkpoints.settled();
    await directory.flush();
    if (failure !== undefined) throw failure;
    return outcome === 'completed' ? 'done' : (code ?? outcome);
  } finally {
    await transport.close(0);
  }
}

function planOf(settings: Settings, term: number): Plan {
  return {
    ...settings,
    runId,
    term,
    phases,
    networks,
    joinTimeoutMs,
    workerTimeoutMs,
    pictures: 4,
    allowMixedNumerics: false,
    workerCommand: 'worker',
  };
}

/** One for all worlds: nobody reads them. */
const metrics = createMetrics({
  recipe: { name: recipe.name, networks, phases: phases.map(({ name }) => name) },
  runId,
  version: '0',
  seed: 1,
  processMetrics: false,
  nowMs: () => 0,
});
const nothing = (): void => {};

const noProgress: Progress = { update: nothing, wrap: (write) => write, stop: nothing };
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
