/**
 * The `worker` program: flags, backend, signals, exit code. Wires everything; decides nothing about training.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import {
  type BackendName,
  backendTable,
  connect,
  createLog,
  errorTable,
  loadBuiltInRecipe,
  type LoadedRecipe,
  loadRecipe,
  LockstepError,
  type Recipe,
  recipeNames,
  runProgram,
  type RunSettings,
  type Stop,
  stopSignals,
  systemClock,
  tellParent,
} from '@lockstep/shared';
import { inExecution } from './backends/execution.ts';
import type { Backend } from './backends/backend.ts';
import { loadBackend } from './backends/index.ts';
import { createCompute } from './compute/compute.ts';
import { defaultName } from './options/default-name.ts';
import type { Options } from './options/option-table.ts';
import { createMetrics, type Observer } from './metrics/metrics.ts';
import { serveMetrics } from './metrics/server.ts';
import { resolveOptions } from './options/resolve-options.ts';
import { runWorker } from './runtime.ts';
import { createSharing } from './wire/sharing.ts';

async function main(): Promise<number> {
  const options = await resolveOptions(process.argv.slice(2));
  const log = createLog({ level: options.logLevel });
  const stop = Promise.race([stopSignals(log), coordinatorProcessGone()]);
  const { backend, skipped } = await loadBackend(options.backend, options.gpu);
  for (const { backend: name, reason, level } of skipped) log[level](`Backend ${name} was skipped: ${reason}`);
  if (backend.remark !== undefined) log.warn(backend.remark);
  log.info(`Backend ${backend.name} on ${backend.device}. Looking for a coordinator at ${options.connect}.`);
  const { name, device } = backend;
  const metrics = await startMetrics(options, backend);
  const peer = randomBytes(8).toString('hex');
  const outcome = await runWorker({
    endpoint: options.connect,
    connect: (events) => connect(options.connect, peer, events),
    identity: {
      peer,
      name: options.name ?? defaultName(options, peer),
      host: hostname(),
      pid: process.pid,
      backend: name,
      device,
      ...metrics?.told,
    },
    reconnectTimeoutMs: options.reconnectTimeout * 1000,
    sharing: createSharing(),
    createCompute: async (run) => {
      const recipe = await findRecipe(run.recipe, options.recipe);
      return createCompute({ backend: inExecution(run.execution, backend), recipe, run });
    },
    clock: systemClock,
    log,
    ...(metrics === undefined ? {} : { observer: metrics.observer }),
    stopRequested: stop,
  });
  if (outcome.code !== undefined && outcome.code !== 'stopped') throw new LockstepError(outcome.code, outcome.reason);
  log.info(`Worker ends: ${outcome.reason}`);
  return outcome.code === undefined ? 0 : errorTable[outcome.code].exitCode;
}

interface ServedMetrics {
  readonly observer: Observer;
  /** For HELLO. */
  readonly told: { readonly metricsAddress: string };
}

/** Undefined without --metrics-port: then nothing is measured either. */
async function startMetrics({ metricsHost: host, metricsPort: port }: Options, backend: Backend): Promise<ServedMetrics | undefined> {
  if (port === undefined) return undefined;
  const { name, device } = backend;
  const gpuEnvironment = backendTable[name as BackendName].runsOn === 'cpu' ? undefined : process.env;
  const { nowMs } = systemClock;
  const { registry, ...observer } = createMetrics({ backend: name, device, gpuEnvironment, nowMs });
  const { address } = await serveMetrics({ host, port, registry, nowMs });
  return { observer, told: { metricsAddress: address } };
}

/** A worker started by `coordinator --spawn` holds an IPC channel to it, which the kernel closes however the coordinator ends. */
function coordinatorProcessGone(): Promise<Stop> {
  const stop = { reason: 'the coordinator that started this worker is gone' };
  return new Promise((resolve) => {
    if (process.connected) process.once('disconnect', () => resolve(stop));
    // There was a channel, and it closed while this program was still loading.
    else if ('connected' in process) resolve(stop);
  });
}

/** Code is never sent: the worker has the recipe itself, built in or as the file of its own --recipe, and the hashes must match. */
async function findRecipe(wanted: RunSettings['recipe'], recipeFile: string | undefined): Promise<Recipe> {
  const { recipe, hash } = recipeFile === undefined ? builtIn(wanted.name) : await loadRecipe(recipeFile);
  if (hash === wanted.hash) return recipe;
  const hint = recipeFile === undefined ? 'install the same Lockstep version on both' : `use the coordinator's copy of ${recipeFile}`;
  throw new LockstepError(
    'recipe-mismatch',
    `The recipe '${recipe.name}' on this machine (${hash.slice(0, 12)}) is not the run's '${wanted.name}' (${wanted.hash.slice(0, 12)}): ${hint}.`,
  );
}

/** The coordinator names a recipe, never a file: otherwise anyone listening at that address could make this worker run any local module. */
function builtIn(name: string): LoadedRecipe {
  if (recipeNames.includes(name)) return loadBuiltInRecipe(name);
  throw new LockstepError(
    'recipe-mismatch',
    `The run uses the recipe '${name}', which is not built in: start the worker with --recipe FILE.`,
  );
}

// Exits instead of waiting for the event loop to be empty: native libraries keep threads and handles of their own.
process.exit(
  await runProgram('worker', () =>
    main().catch(async (error: unknown) => {
      if (error instanceof LockstepError) await tellParent(error);
      throw error;
    }),
  ),
);
