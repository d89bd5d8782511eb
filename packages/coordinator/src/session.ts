/**
 * One life of a coordinator: binds, starts servers and local workers around the runtime, waits for the end, and concludes.
 *
 * Responsible for: wiring, and for ending everything it started, in order, whatever happens. Not responsible for: decisions.
 */
import { join } from 'node:path';
import { listen, type Log, type Manifests, type ServerTransport, systemClock, version } from '@lockstep/shared';
import { stepName } from './checkpoint/name.ts';
import { type CheckpointWriter, createCheckpointWriter } from './checkpoint/writer.ts';
import { conclude } from './conclude.ts';
import { isDue, startOfRun } from './core/cursor.ts';
import type { Plan } from './core/plan.ts';
import type { Start } from './core/state.ts';
import { createIdStream } from './data/stream.ts';
import { exists, makeDirectory } from './disk/files.ts';
import { acquireLock } from './disk/lock.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { type Devices, planLocalWorkers, reachableLocally } from './local-workers/plan.ts';
import { type LocalWorkers, startLocalWorkers } from './local-workers/processes.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import type { Options } from './options/option-table.ts';
import { announce } from './reporting/announce.ts';
import type { Console } from './reporting/console.ts';
import type { Progress } from './reporting/progress.ts';
import { createRecorder, type Recorder } from './reporting/recorder.ts';
import { statusOf } from './reporting/status.ts';
import type { OpenRun } from './run/open-run.ts';
import { manifestsOf, type Prepared } from './run/prepare.ts';
import { type Runtime, startRuntime } from './runtime.ts';
import { manifestKeyOf } from './training/manifest-key.ts';
import { createModel } from './training/model.ts';
import { createCarriers } from './wire/carriers.ts';

export interface SessionOptions extends Console {
  readonly options: Options;
  readonly prepared: Prepared;
  readonly run: OpenRun;
  readonly devices: Devices;
  /** Resolves with a reason when a person or a scheduler asks to stop. */
  readonly stop: Promise<string>;
}

/** How long local workers may take to end by themselves. */
const workerGraceMs = 800;
/** Pictures of a grid: eight rows of eight. */
const pictures = 64;

export async function runSession(session: SessionOptions): Promise<void> {
  const { options, prepared, run, log } = session;
  const endpointLock = await acquireLock('endpoint', options.bind);
  let transport: ServerTransport | undefined;
  let records: Records | undefined;
  let http: HttpServer | undefined;
  let runtime: Runtime | undefined;
  let localWorkers: LocalWorkers | undefined;
  try {
    transport = await listen(options.bind);
    const plan = await planOf(session, transport.endpoint);
    const start = await startOf(run, plan);
    records = createRecords(session, plan, start);
    const { recorder, checkpoints, progress } = records;
    const status = () => statusOf(plan, prepared.recipe.name, runtime?.state);
    http = await startHttp(options, records.metrics, status, log);
    announce({ endpoint: transport.endpoint, metricsUrl: http.url, prepared, run, log });
    run.begun();
    runtime = serve(session, plan, start, transport, recorder);
    localWorkers = await startWorkers(session, transport.endpoint, runtime);
    void session.stop.then(runtime.stop);
    const ending = await runtime.ended;
    progress.stop(undefined, systemClock.nowMs());
    await localWorkers?.stop(workerGraceMs);
    await conclude({ ending, runtime, recorder, checkpoints, directory: run.directory, plan, recipe: prepared.recipe, log });
  } finally {
    records?.progress.stop(undefined, systemClock.nowMs());
    await localWorkers?.stop(0);
    await http?.close();
    await transport?.close(0);
    await endpointLock.release();
  }
}

/** The term is on disk before anybody hears of it. */
async function planOf({ options, prepared, run }: SessionOptions, endpoint: string): Promise<Plan> {
  const step = run.checkpoint?.cursor.step ?? 0;
  const term = await run.directory.recordStart({ version, pid: process.pid, step, runId: run.runId });
  return {
    runId: run.runId,
    term,
    run: prepared.run,
    phases: prepared.phases,
    networks: Object.keys(prepared.recipe.networks),
    totalSteps: prepared.totalSteps,
    workersWanted: options.workers,
    minWorkers: options.minWorkers,
    joinTimeoutMs: options.joinTimeout * 1000,
    workerTimeoutMs: options.workerTimeout * 1000,
    checkpointEverySteps: options.checkpointEvery,
    gridEverySteps: options.gridEvery,
    pictures,
    allowMixedNumerics: options.allowMixedNumerics,
    workerCommand: options.spawn ? undefined : workerCommand(endpoint, prepared.recipeFile),
  };
}

function workerCommand(endpoint: string, recipeFile: string | undefined): string {
  const reachable = endpoint.replace(/^tcp:\/\/(\*|0\.0\.0\.0|\[::\])(?=:)/, 'tcp://THIS-HOST');
  return `npx --no -- worker --connect ${reachable}${recipeFile === undefined ? '' : ` --recipe ${recipeFile}`}`;
}

async function startOf(run: OpenRun, plan: Plan): Promise<Start> {
  const { checkpoint } = run;
  if (checkpoint === undefined)
    return { cursor: startOfRun, versions: Object.fromEntries(plan.networks.map((name) => [name, 0])), gridDue: false };
  const { cursor } = checkpoint;
  const versions = Object.fromEntries(checkpoint.networks.map(({ name, version: commits }) => [name, commits]));
  // Stopped between the end of a step and its grid: the grid is made up for.
  const gridDue =
    isDue(plan, cursor, plan.gridEverySteps) && !(await exists(join(run.directory.path, 'grids', `${stepName(cursor.step)}.png`)));
  return { cursor, versions, gridDue, manifestKey: manifestKeyOf(manifestsOf(checkpoint)), fingerprint: checkpoint.fingerprint };
}

interface Records {
  readonly metrics: Metrics;
  readonly progress: Progress;
  readonly checkpoints: CheckpointWriter;
  readonly recorder: Recorder;
}

/** Everything that writes and tells. */
function createRecords({ options, prepared, run, log, startProgress }: SessionOptions, plan: Plan, start: Start): Records {
  const { directory, store, checkpoint } = run;
  const { recipe, dataset } = prepared;
  const { step } = start.cursor;
  const phases = plan.phases.map(({ name }) => name);
  const metrics = createMetrics({
    recipe: { name: recipe.name, networks: plan.networks, phases },
    runId: plan.runId,
    version,
    seed: options.seed,
  });
  metrics.planned({ term: plan.term, step, steps: plan.totalSteps, workersWanted: plan.workersWanted });
  const progress = startProgress({ step, nowMs: systemClock.nowMs() });
  const checkpoints = createCheckpointWriter({
    // A resume needs every line of losses.jsonl up to the checkpoint: lines first.
    write: (value) => directory.flush().then(() => store.write(value)),
    written: ({ path }, seconds) => {
      metrics.checkpointWritten({ seconds, atSecondsSince1970: Date.now() / 1000 });
      directory.appendEvent({ event: 'checkpoint', path });
      log.debug(`Checkpoint: ${path}`);
    },
    failed: (error) => {
      metrics.instruments.checkpointFailures.inc();
      log.error(`A checkpoint could not be written, and training goes on: ${error instanceof Error ? error.message : String(error)}`);
    },
    nowMs: systemClock.nowMs,
  });
  const identity = { lockstepVersion: version, run: plan.run, datasetSha256: dataset.sha256 };
  const places = { directory, checkpoints, metrics, progress, log, computesWith: run.computesWith };
  const recorder = createRecorder({ plan, recipe, dataset, ...places, resumed: checkpoint, identity, clock: systemClock });
  return { metrics, progress, checkpoints, recorder };
}

function startHttp(options: Options, metrics: Metrics, status: () => ReturnType<typeof statusOf>, log: Log): Promise<HttpServer> {
  const warn = (sentence: string): void => log.warn(sentence);
  return startHttpServer({ host: options.metricsHost, port: options.metricsPort, registry: metrics.registry, status, warn });
}

function serve(session: SessionOptions, plan: Plan, start: Start, transport: ServerTransport, recorder: Recorder): Runtime {
  const { options, prepared, run } = session;
  const { recipe, dataset } = prepared;
  const { checkpoint } = run;
  const modelOf = (manifests: Manifests) => createModel(recipe, manifests, options.seed, options.learningRate, checkpoint?.networks);
  return startRuntime({
    plan,
    start,
    recipe,
    dataset,
    stream: createIdStream(options.seed, dataset.count),
    transport,
    carriers: createCarriers(options.carrier),
    restored: checkpoint === undefined ? undefined : modelOf(manifestsOf(checkpoint)),
    createModel: modelOf,
    recorder,
    clock: systemClock,
  });
}

async function startWorkers(session: SessionOptions, endpoint: string, runtime: Runtime): Promise<LocalWorkers | undefined> {
  const { options, prepared, run, devices, log } = session;
  if (!options.spawn) return undefined;
  const logDirectory = join(run.directory.path, 'workers');
  await makeDirectory(logDirectory);
  const { recipeFile } = prepared;
  return startLocalWorkers({
    workers: planLocalWorkers({ ...options, endpoint: reachableLocally(endpoint), recipeFile }, devices),
    logDirectory,
    say: (sentence) => log.warn(sentence),
    gaveUp: runtime.spawnGaveUp,
  });
}
