/**
 * `--resume` of a run whose checkpoint has all of its steps: writes the export that a crash or a full disk prevented. It needs no workers,
 * so it binds no address.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Log, version } from '@lockstep/shared';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { imagesPerStep } from '../core/cursor.ts';
import type { Prepared } from './prepare.ts';
import { areExported, hashesOf, tellResults, trainedNetworks, writeResults } from './results.ts';
import { readSummary, type RunDirectory } from './run-directory.ts';
import type { Summary } from './summary.ts';

/** Resolves with the run's summary. */
export async function finishRun(directory: RunDirectory, checkpoint: Checkpoint, prepared: Prepared, log: Log): Promise<Summary> {
  const { runId, cursor, backend } = checkpoint;
  const networks = trainedNetworks(checkpoint);
  const { recipe, run, phases, totalSteps } = prepared;
  const summary: Summary = {
    runId,
    recipe: recipe.name,
    seed: run.seed,
    steps: totalSteps,
    images: totalSteps * imagesPerStep(phases, run.batchSize),
    seconds: null,
    imagesPerSecond: null,
    backend,
    workers: null,
    ...(await hashesOf(networks)),
  };
  const before = await readSummary(directory.path);
  // An earlier process may have done the training, and its summary has figures that this one lacks.
  const kept = isOfSameRun(before, summary) ? before : undefined;
  if (kept !== undefined && (await areExported(directory, networks))) {
    log.info(`All ${totalSteps} steps are done, and nothing is missing.`);
    tellResults(kept, directory, log);
    return kept;
  }
  await directory.recordStart({ version, pid: process.pid, step: cursor.step, runId });
  await writeResults(directory, networks, kept ?? summary);
  const reason = `All ${totalSteps} steps were done already: exported from the checkpoint.`;
  directory.appendEvent({ event: 'coordinator-ended', outcome: 'completed', reason, step: cursor.step, shardsCommitted: {} });
  await directory.flush();
  log.info(reason);
  tellResults(summary, directory, log);
  return kept ?? summary;
}

function isOfSameRun(before: unknown, summary: Summary): before is Summary {
  const { runId, steps, weightsSha256 } = (before ?? {}) as Partial<Summary>;
  return runId === summary.runId && steps === summary.steps && isDeepStrictEqual(weightsSha256, summary.weightsSha256);
}
