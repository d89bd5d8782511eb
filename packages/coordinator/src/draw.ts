/**
 * Draws pictures of a trained model on a local worker: a runtime that is given the checkpoint of a finished run, whose only task left is
 * its grid. So what draws, how it is restarted and who checks its answers is as in training.
 *
 * Not responsible for: which run (`sampling/trained-run.ts`), or what becomes of the pictures.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atOnce, listen, LockstepError, type Log, ready, type ServerTransport, systemClock } from '@lockstep/shared';
import type { Plan } from './core/plan.ts';
import type { Batches } from './data/batches.ts';
import { removeDirectory } from './disk/files.ts';
import { chooseBackend } from './local-workers/choose-backend.ts';
import { findLauncher } from './local-workers/launcher.ts';
import { findDevices, planLocalWorkers } from './local-workers/plan.ts';
import { type LocalWorkers, startLocalWorkers } from './local-workers/processes.ts';
import type { RunRecorder } from './reporting/recorder.ts';
import { manifestsOf } from './run/prepare.ts';
import { startOf } from './run/start.ts';
import { type Runtime, startRuntime } from './runtime.ts';
import type { Drawing, DrawPictures } from './sampling/draw-pictures.ts';
import { createModel } from './training/model.ts';
import { createCarriers } from './wire/carriers.ts';

/** One worker is enough to draw, however many have trained. */
const workers = 1;
const joinTimeoutMs = 120_000;
/** All pictures are one answer, and convolutions on a slow processor take their time. */
const workerTimeoutMs = 3_600_000;
const workerGraceMs = 800;
/** Drawing reads no data. */
const noBatches: Batches = { bytes: 0, at: () => undefined, until: () => undefined };

export const drawPictures: DrawPictures = async (drawing) => {
  const { run, log, logLevel, stop } = drawing;
  const known = { checkpoint: undefined, config: run.checkpoint.backend };
  const backend = await chooseBackend({ backend: drawing.backend, spawn: true }, known, (sentence) => log.info(sentence));
  const spawning = { ...run.options, workers, backend, logLevel, recipeFile: run.prepared.recipeFile };
  const devices = await findDevices(spawning, process.env, log);
  const logDirectory = await mkdtemp(join(tmpdir(), 'lockstep-draw-'));
  let localWorkers: LocalWorkers | undefined;
  try {
    const transport = await listen('tcp://127.0.0.1:0');
    const recorder = createRecorder(log);
    const runtime = await startDrawing(drawing, transport, recorder);
    localWorkers = startLocalWorkers({
      workers: planLocalWorkers({ ...spawning, endpoint: transport.endpoint }, devices),
      launcher: await findLauncher(),
      logDirectory,
      say: (sentence) => log.warn(sentence),
      gaveUp: runtime.spawnGaveUp,
      clock: systemClock,
    });
    void stop.then(runtime.stop);
    const { outcome, reason, code, bug } = await runtime.ended;
    if (bug !== undefined) throw bug;
    if (outcome === 'failed') throw new LockstepError(code ?? 'compute-failed', reason);
    return outcome === 'stopped' ? undefined : recorder.drawn();
  } finally {
    await localWorkers?.stop(workerGraceMs);
    await removeDirectory(logDirectory);
  }
};

async function startDrawing(drawing: Drawing, transport: ServerTransport, recorder: RunRecorder): Promise<Runtime> {
  const { options, prepared, checkpoint } = drawing.run;
  const { recipe } = prepared;
  const plan = planOf(drawing);
  const model = atOnce(createModel(recipe, manifestsOf(checkpoint), plan.run.seed, undefined, checkpoint.networks));
  // A checkpoint may lie inside a step; here, no round follows it.
  const cursor = { ...checkpoint.cursor, step: plan.totalSteps, phase: 0, repetition: 0 };
  const start = await startOf(plan, { ...checkpoint, cursor }, () => Promise.resolve(false));
  return startRuntime({
    plan,
    start: { ...start, gridDue: true },
    recipe,
    batches: noBatches,
    transport,
    carriers: createCarriers(options.carrier),
    restored: model,
    createModel: () => ready(model),
    recorder,
    clock: systemClock,
  });
}

/** A plan whose steps are all done. */
function planOf({ run: { prepared, checkpoint }, count, set }: Drawing): Plan {
  return {
    runId: checkpoint.runId,
    term: 1,
    run: prepared.run,
    phases: prepared.phases,
    networks: Object.keys(prepared.recipe.networks),
    totalSteps: Math.max(1, checkpoint.cursor.step),
    workersWanted: workers,
    minWorkers: workers,
    joinTimeoutMs,
    workerTimeoutMs,
    checkpointEverySteps: 0,
    checkpointEveryMs: undefined,
    gridEverySteps: 0,
    pictures: count,
    pictureSet: set,
    // Any backend that works may draw.
    allowMixedNumerics: true,
    auditRate: 0,
    workerCommand: undefined,
  };
}

/** Keeps the pictures and tells of workers that fail; nothing else of a run without training is worth a line. */
function createRecorder(log: Log) {
  let backend = '';
  let pictures: Float32Array | undefined;
  const nothing = (): void => {};
  const recorder: RunRecorder = {
    began: nothing,
    assigned: nothing,
    spent: nothing,
    measured: nothing,
    nonfinite: nothing,
    skipped: nothing,
    committed: nothing,
    stepCompleted: nothing,
    checkpoint: nothing,
    reassigned: nothing,
    copied: nothing,
    audited: nothing,
    dropped: nothing,
    refused: nothing,
    bytes: nothing,
    damaged: nothing,
    stateChanged: nothing,
    grid: (_step, drawn) => (pictures = drawn),
    record(entry) {
      if (entry.event === 'worker-joined') ({ backend } = entry);
      if (entry.event === 'worker-failed' || entry.event === 'worker-refused') log.warn(`Worker ${entry.worker}: ${entry.reason}`);
    },
  };
  return { ...recorder, drawn: () => ({ pictures: pictures!, backend }) };
}
