/**
 * One life of a coordinator: starts the servers and local workers around the runtime, waits for the end, and concludes.
 *
 * Responsible for: wiring, and for ending everything it started, in order, whatever happens. Not responsible for: decisions.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { listen, type Log, type Manifests, version } from '@lockstep/shared';
import { announce } from './reporting/announce.ts';
import { createCarriers } from './wire/carriers.ts';
import { createCheckpointWriter } from './checkpoint/writer.ts';
import type { CheckpointWriter } from './checkpoint/writer.ts';
import { stepName } from './checkpoint/name.ts';
import { conclude } from './conclude.ts';
import { startOfRun } from './core/cursor.ts';
import type { Plan } from './core/plan.ts';
import type { Start } from './core/state.ts';
import { createIdStream } from './data/stream.ts';
import { makeDirectory } from './disk/files.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { createRecorder, emptyStep, type Recorder, type StepRecord } from './reporting/recorder.ts';
import { type Devices, planLocalWorkers, reachableLocally } from './local-workers/plan.ts';
import { acquireLock } from './disk/lock.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { createModel, type Model, savedNetworks } from './training/model.ts';
import type { Options } from './options/option-table.ts';
import { isGridDue, manifestsOf, type Prepared } from './run/prepare.ts';
import { createProgress, isInteractive, type Progress } from './reporting/progress.ts';
import type { OpenRun } from './run/open-run.ts';
import { manifestKeyOf, type Runtime, startRuntime } from './runtime.ts';
import { type LocalWorkers, startLocalWorkers } from './local-workers/processes.ts';
import { statusOf } from './reporting/status.ts';

export interface SessionOptions {
  readonly options: Options;
  readonly prepared: Prepared;
  readonly run: OpenRun;
  readonly devices: Devices;
  readonly log: Log;
  /** Where log lines go; the progress line puts itself in between. */
  readonly terminal: { write: (text: string) => unknown };
  /** Resolves with a reason when a person or a scheduler asks to stop. */
  readonly stop: Promise<string>;
}

const nowMs = (): number => performance.now();
/** How long local workers may take to end by themselves. */
const workerGraceMs = 800;
/** Pictures of a grid: eight rows of eight. */
const pictures = 64;

export async function runSession(session: SessionOptions): Promise<void> {
  const { options, prepared, run, devices, log, stop } = session;
  const { directory, checkpoint } = run;
  const { recipe, dataset } = prepared;
  const endpointLock = await acquireLock('endpoint', options.bind);
  const term = await directory.recordStart({ version, pid: process.pid, step: checkpoint?.cursor.step ?? 0, runId: run.runId });
  const plan = planOf(options, prepared, run.runId, term, () => runtime?.endpoint ?? options.bind);
  const start = await startOf(run, options, plan.networks);
  const { metrics, progress, checkpoints, recorder } = createRecords(session, plan, start);
  const modelOf = (manifests: Manifests): Model =>
    createModel(
      recipe,
      manifests,
      options.seed,
      options.learningRate,
      checkpoint === undefined ? undefined : savedNetworks(checkpoint.networks),
    );
  let runtime: Runtime | undefined;
  let http: HttpServer | undefined;
  let localWorkers: LocalWorkers | undefined;
  try {
    http = await startHttpServer({
      host: options.metricsHost,
      port: options.metricsPort,
      registry: metrics.registry,
      status: () => statusOf(plan, recipe.name, runtime),
      warn: (sentence) => log.warn(sentence),
    });
    const started = await startRuntime({
      plan,
      start,
      recipe,
      dataset,
      stream: createIdStream(options.seed, dataset.count),
      carriers: createCarriers(options.carrier),
      restored: checkpoint === undefined ? undefined : modelOf(manifestsOf(checkpoint)),
      createModel: modelOf,
      listen: (events) => listen(options.bind, events),
      recorder,
      nowMs,
    });
    runtime = started;
    run.begun();
    announce({
      endpoint: started.endpoint,
      metricsUrl: http.url,
      prepared,
      directory: directory.path,
      resumedAt: checkpoint?.cursor.step,
      log,
    });
    recorder.stateChanged(started.state);
    if (options.spawn) {
      const logDirectory = join(directory.path, 'workers');
      await makeDirectory(logDirectory);
      const workers = planLocalWorkers(
        { ...options, endpoint: reachableLocally(started.endpoint), recipeFile: prepared.recipeFile },
        devices,
      );
      localWorkers = startLocalWorkers({
        workers,
        logDirectory,
        say: (sentence) => log.warn(sentence),
        gaveUp: (reason) => started.spawnGaveUp(reason),
      });
    }
    void stop.then((reason) => started.stop(reason));
    const ending = await started.ended;
    progress.stop(undefined, nowMs());
    await localWorkers?.stop(workerGraceMs);
    await conclude({ ending, runtime: started, recorder, checkpoints, directory, plan, recipe, seed: options.seed, log });
  } finally {
    progress.stop(undefined, nowMs());
    await localWorkers?.stop(0);
    await http?.close();
    await endpointLock.release();
  }
}

function planOf(options: Options, prepared: Prepared, runId: string, term: number, endpoint: () => string): Plan {
  return {
    runId,
    term,
    phases: prepared.phases,
    networks: Object.keys(prepared.recipe.networks),
    run: prepared.run,
    totalSteps: prepared.totalSteps,
    workersWanted: options.workers,
    minWorkers: options.minWorkers,
    joinTimeoutMs: options.joinTimeout * 1000,
    workerTimeoutMs: options.workerTimeout * 1000,
    checkpointEverySteps: options.checkpointEvery,
    gridEverySteps: options.gridEvery,
    pictures,
    allowMixedNumerics: options.allowMixedNumerics,
    // Read when it is shown: of a bind to port 0, the port is known only once it listens.
    get workerCommand() {
      return options.spawn ? undefined : workerCommand(endpoint(), prepared.recipeFile);
    },
  };
}

function workerCommand(endpoint: string, recipeFile: string | undefined): string {
  const reachable = endpoint.replace(/^tcp:\/\/(\*|0\.0\.0\.0|\[::\])(?=:)/, 'tcp://THIS-HOST');
  return `npx --no -- worker --connect ${reachable}${recipeFile === undefined ? '' : ` --recipe ${recipeFile}`}`;
}

async function startOf(run: OpenRun, options: Options, networks: readonly string[]): Promise<Start> {
  const { checkpoint } = run;
  if (checkpoint === undefined)
    return { cursor: startOfRun, versions: Object.fromEntries(networks.map((name) => [name, 0])), gridDue: false };
  const { cursor } = checkpoint;
  const versions = Object.fromEntries(checkpoint.networks.map(({ name, version: commits }) => [name, commits]));
  // Stopped between the end of a step and its grid: the grid is made up for.
  const gridDue =
    isGridDue(cursor, options.gridEvery) && !(await exists(join(run.directory.path, 'grids', `${stepName(cursor.step)}.png`)));
  return { cursor, versions, gridDue, manifestKey: manifestKeyOf(manifestsOf(checkpoint)), fingerprint: checkpoint.fingerprint };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

interface Records {
  readonly metrics: Metrics;
  readonly progress: Progress;
  readonly checkpoints: CheckpointWriter;
  readonly recorder: Recorder;
}

/** Everything that writes and tells. */
function createRecords({ options, prepared, run, log, terminal }: SessionOptions, plan: Plan, start: Start): Records {
  const { directory, store, checkpoint } = run;
  const { recipe, dataset } = prepared;
  const metrics = createMetrics({
    recipe: { name: recipe.name, networks: plan.networks, phases: plan.phases.map(({ name }) => name) },
    runId: plan.runId,
    version,
    seed: options.seed,
  });
  metrics.planned({ term: plan.term, step: start.cursor.step, steps: plan.totalSteps, workersWanted: plan.workersWanted });
  const progress = createProgress({
    stream: process.stdout,
    isInteractive: isInteractive(process.stdout, process.env),
    log: (line) => log.info(line),
    start: { step: start.cursor.step, nowMs: nowMs() },
  });
  terminal.write = progress.wrap((text) => process.stdout.write(text));
  const checkpoints = createCheckpointWriter({
    // A resume needs every line of losses.jsonl up to the checkpoint: lines first.
    write: (value) => directory.flush().then(() => store.write(value)),
    written: ({ path }, seconds) => {
      metrics.checkpointWritten({ seconds, atSecondsSince1970: Date.now() / 1000 });
      directory.appendEvent({ event: 'checkpoint', path });
      log.debug(`Checkpoint: ${path}`);
    },
    failed: (error) => {
      metrics.checkpointFailed();
      log.error(`A checkpoint could not be written, and training goes on: ${error instanceof Error ? error.message : String(error)}`);
    },
    nowMs,
  });
  const recorder = createRecorder({
    plan,
    recipe,
    dataset,
    directory,
    checkpoints,
    metrics,
    progress,
    log,
    start: {
      cursor: start.cursor,
      partial: (checkpoint?.partial as unknown as StepRecord | undefined) ?? emptyStep,
      fingerprint: start.fingerprint,
      backend: checkpoint?.backend,
    },
    identity: { lockstepVersion: version, run: plan.run, datasetSha256: dataset.sha256 },
    nowMs,
  });
  return { metrics, progress, checkpoints, recorder };
}
