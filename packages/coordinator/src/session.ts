/**
 * One life of a coordinator: binds, starts servers and local workers around the runtime, waits for the end, and concludes.
 *
 * Responsible for: wiring, and for ending everything it started, in order, whatever happens. Not responsible for: decisions (`core/`).
 */
import { join } from 'node:path';
import { durationMs, gridPictures, listen, type Log, type ServerTransport, systemClock, version } from '@lockstep/shared';
import { stepName } from './checkpoint/name.ts';
import { conclude } from './conclude.ts';
import type { Plan } from './core/plan.ts';
import type { State } from './core/state.ts';
import { exists, makeDirectory } from './disk/files.ts';
import { acquireLock } from './disk/lock.ts';
import { createRoutes, type RouteSources } from './http/routes.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { findLauncher } from './local-workers/launcher.ts';
import { type Devices, planLocalWorkers, reachableLocally } from './local-workers/plan.ts';
import { type LocalWorkers, startLocalWorkers } from './local-workers/processes.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import type { Options } from './options/option-table.ts';
import { announce } from './reporting/announce.ts';
import type { Console } from './reporting/console.ts';
import { createLivePage, type LivePage } from './reporting/live-page.ts';
import type { Progress } from './reporting/progress.ts';
import type { RecorderOptions } from './reporting/recorder.ts';
import { statusOf } from './reporting/status.ts';
import { targetsOf } from './reporting/targets.ts';
import { createTensorBoardWriter } from './reporting/tensorboard/writer.ts';
import { createTrace } from './reporting/trace/trace.ts';
import type { OpenRun } from './run/open-run.ts';
import type { Prepared } from './run/prepare.ts';
import { startOf } from './run/start.ts';
import type { Summary } from './run/summary.ts';
import type { Runtime } from './runtime.ts';
import { type Parts, serve, type Served } from './serve.ts';
import { createCarriers } from './wire/carriers.ts';

export interface SessionOptions extends Console {
  readonly options: Options;
  readonly prepared: Prepared;
  readonly run: OpenRun;
  readonly devices: Devices;
  /** Resolves with a reason when a person or a scheduler asks to stop. */
  readonly stop: Promise<string>;
  readonly onStep?: RecorderOptions['onStep'] | undefined;
}

/** How long local workers may take to end by themselves. */
const workerGraceMs = 800;

/** Resolves with the summary of a run that was completed, and with nothing for one that was stopped. */
export async function runSession(session: SessionOptions): Promise<Summary | undefined> {
  const { options, prepared, run, log } = session;
  const endpointLock = await acquireLock('endpoint', options.bind);
  let transport: ServerTransport | undefined;
  let reporting: Reporting | undefined;
  let live: LivePage | undefined;
  let http: HttpServer | undefined;
  let served: Served | undefined;
  let localWorkers: LocalWorkers | undefined;
  try {
    transport = await listen(options.bind);
    const plan = await planOf(session, transport.endpoint);
    const { directory, store, checkpoint } = run;
    const hasGrid = (step: number) => exists(join(directory.path, 'grids', `${stepName(step)}.png`));
    const start = await startOf(plan, checkpoint, hasGrid);
    reporting = createReporting(session, plan, start.cursor.step);
    const { metrics } = reporting;
    const standing = (worker: string) => served?.recorder.standing(worker);
    const sources = { standing, workerLabel: metrics.workerLabel, nowMs: systemClock.nowMs };
    const status = () => statusOf(plan, prepared.recipe.name, served?.runtime.state, sources);
    const { recipe, dataset } = prepared;
    live = createLivePage({ path: directory.path, plan, recipe, status, log });
    const targets = (server: HttpServer) => targetsOf(plan, server, served?.runtime.state, metrics.workerLabel);
    http = await startHttp(session, metrics, status, targets, live);
    const batches = dataset.batches(plan);
    await batches.until(start.cursor);
    announce({ endpoint: transport.endpoint, url: http.url, prepared, run, log });
    run.begun();
    const files = { directory, store, checkpoint, computesWith: run.computesWith };
    const carriers = createCarriers(options.carrier);
    const { learningRate } = options;
    const extras = extrasOf(options, plan, directory.path, start.cursor.step, log);
    const participants = (workers: State['workers']): void => localWorkers?.watch(workers.values());
    const told = { ...reporting, ...extras, live: live.figures, log, onStep: session.onStep, participants };
    served = serve({ plan, start, recipe, learningRate, dataset, batches, ...files, transport, carriers, ...told, clock: systemClock });
    const { runtime } = served;
    localWorkers = await startWorkers(session, transport.endpoint, runtime);
    void session.stop.then(runtime.stop);
    const ending = await runtime.ended;
    reporting.progress.stop(undefined, systemClock.nowMs());
    await localWorkers?.stop(workerGraceMs);
    return await conclude({ ending, ...served, directory, plan, recipe, log });
  } finally {
    reporting?.progress.stop(undefined, systemClock.nowMs());
    await localWorkers?.stop(0);
    await live?.end();
    await http?.close();
    await transport?.close(0);
    await endpointLock.release();
  }
}

/** The term is on disk before any worker sees it. */
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
    // An audit compares two workers' answers.
    minWorkers: Math.max(options.minWorkers, options.audit > 0 ? 2 : 1),
    joinTimeoutMs: options.joinTimeout * 1000,
    workerTimeoutMs: options.workerTimeout * 1000,
    checkpointEverySteps: typeof options.checkpointEvery === 'number' ? options.checkpointEvery : 0,
    checkpointEveryMs: typeof options.checkpointEvery === 'number' ? undefined : durationMs(options.checkpointEvery),
    gridEverySteps: options.gridEvery,
    pictures: prepared.recipe.generate === undefined ? 0 : gridPictures(prepared.recipe),
    allowMixedNumerics: options.allowMixedNumerics,
    auditRate: options.audit,
    workerCommand: options.spawn ? undefined : workerCommand(endpoint, prepared.recipeFile),
  };
}

function workerCommand(endpoint: string, recipeFile: string | undefined): string {
  const reachable = endpoint.replace(/^tcp:\/\/(\*|0\.0\.0\.0|\[::\])(?=:)/, 'tcp://THIS-HOST');
  return `npx --no -- worker --connect ${reachable}${recipeFile === undefined ? '' : ` --recipe ${recipeFile}`}`;
}

interface Reporting {
  readonly metrics: Metrics;
  readonly progress: Progress;
}

function createReporting({ options, prepared, startProgress }: SessionOptions, plan: Plan, step: number): Reporting {
  const metrics = createMetrics({
    recipe: { name: prepared.recipe.name, networks: plan.networks, phases: plan.phases.map(({ name }) => name) },
    runId: plan.runId,
    version,
    seed: options.seed,
    nowMs: systemClock.nowMs,
  });
  metrics.planned({ term: plan.term, step, steps: plan.totalSteps, workersWanted: plan.workersWanted });
  return { metrics, progress: startProgress({ step, nowMs: systemClock.nowMs() }) };
}

/** What is written beside the run's own files, where options ask for it. */
function extrasOf(options: Options, plan: Plan, path: string, step: number, log: Log): Pick<Parts, 'sinks' | 'trace'> {
  const clock = systemClock;
  const { term } = plan;
  const sinks = options.tensorboard ? [createTensorBoardWriter({ directory: join(path, 'tensorboard'), term, step, clock, log })] : [];
  return { sinks, trace: options.trace ? createTrace({ plan, directory: path, clock, log }) : undefined };
}

async function startHttp(
  { options, log }: SessionOptions,
  { registry }: Metrics,
  status: RouteSources['status'],
  targets: (server: HttpServer) => ReturnType<RouteSources['targets']>,
  live: LivePage,
): Promise<HttpServer> {
  const own = createRoutes({ registry, status, targets: () => targets(server), nowMs: systemClock.nowMs });
  const { metricsHost: host, metricsPort: port } = options;
  const warn = (sentence: string): void => log.warn(sentence);
  const server: HttpServer = await startHttpServer({ host, port, routes: { ...own, ...live.routes }, warn });
  return server;
}

async function startWorkers(session: SessionOptions, endpoint: string, runtime: Runtime): Promise<LocalWorkers | undefined> {
  const { options, prepared, run, devices, log } = session;
  if (!options.spawn) return undefined;
  const logDirectory = join(run.directory.path, 'workers');
  await makeDirectory(logDirectory);
  const { recipeFile } = prepared;
  return startLocalWorkers({
    workers: planLocalWorkers({ ...options, endpoint: reachableLocally(endpoint), recipeFile }, devices),
    launcher: await findLauncher(),
    logDirectory,
    say: (sentence) => log.warn(sentence),
    gaveUp: runtime.spawnGaveUp,
    clock: systemClock,
  });
}
