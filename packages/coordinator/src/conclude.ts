/**
 * The end of a run: exports, summary and closing log lines; or the error that ended it.
 *
 * Not responsible for: checkpoints (they are already being written; this waits for them), or processes.
 */
import { LockstepError, type Log, type Recipe, systemClock } from '@lockstep/shared';
import type { CheckpointWriter } from './checkpoint/writer.ts';
import { imagesPerStep } from './core/cursor.ts';
import type { Plan } from './core/plan.ts';
import { persistently } from './disk/persistently.ts';
import type { Recorder } from './reporting/recorder.ts';
import { formatDuration } from './reporting/progress-line.ts';
import type { RunDirectory } from './run/run-directory.ts';
import type { Ending, Runtime } from './runtime.ts';
import { hashesOf, tellResults, writeResults } from './run/results.ts';
import type { Summary } from './run/summary.ts';

export interface Conclusion {
  readonly ending: Ending;
  readonly runtime: Runtime;
  readonly recorder: Recorder;
  readonly checkpoints: CheckpointWriter;
  readonly directory: RunDirectory;
  readonly plan: Plan;
  readonly recipe: Recipe;
  readonly log: Log;
}

/** The summary of a run that was completed, nothing for one that was stopped. Throws what ended the run, if it did not end well. */
export async function conclude(conclusion: Conclusion): Promise<Summary | undefined> {
  const { ending, runtime, recorder, checkpoints, directory, log } = conclusion;
  const { step } = runtime.state.cursor;
  const { shardsCommitted } = recorder.totals(runtime.state);
  await recorder.settled();
  const say = (sentence: string): void => log.warn(sentence);
  const checkpointError: unknown = await persistently(checkpoints.retry, say, systemClock).catch((error: unknown) => error);
  directory.appendEvent({ event: 'coordinator-ended', outcome: ending.outcome, reason: ending.reason, step, shardsCommitted });
  if (checkpointError === undefined) await persistently(directory.flush, say, systemClock);
  else if (ending.outcome === 'failed') log.error(`The last checkpoint is not written: ${(checkpointError as Error).message}`);
  switch (ending.outcome) {
    case 'failed':
      if (ending.bug !== undefined) throw ending.bug;
      // The same seed diverges at the same step again: no advice to go on.
      throw new LockstepError(
        ending.code ?? 'compute-failed',
        `${ending.reason}${ending.code === 'diverged' ? '' : resumeHint(directory, step)}`,
      );
    case 'stopped': {
      if (checkpointError !== undefined) throw checkpointError;
      log.info(`Stopped after step ${step}: ${ending.reason}.${resumeHint(directory, step)}`);
      return undefined;
    }
    case 'completed': {
      if (checkpointError !== undefined) throw checkpointError;
      return complete(conclusion);
    }
  }
}

function resumeHint(directory: RunDirectory, step: number): string {
  return step === 0 ? '' : ` Resume with: npx --no -- coordinator --resume --run-dir ${directory.path}`;
}

async function complete({ runtime, recorder, directory, plan, recipe, log }: Conclusion): Promise<Summary> {
  const networks = [...runtime.model()!.values()].map((network) => ({ ...network, average: network.optimizer.average }));
  const { seconds, imagesPerSecond, backend, shardsCommitted } = recorder.totals(runtime.state);
  const summary: Summary = {
    runId: plan.runId,
    recipe: recipe.name,
    seed: plan.run.seed,
    steps: plan.totalSteps,
    images: plan.totalSteps * imagesPerStep(plan.phases, plan.run.batchSize),
    seconds: rounded(seconds),
    imagesPerSecond: rounded(imagesPerSecond),
    backend,
    workers: Object.values(shardsCommitted).filter((count) => count > 0).length,
    ...(await hashesOf(networks)),
  };
  await persistently(
    () => writeResults(directory, networks, summary),
    (sentence) => log.warn(sentence),
    systemClock,
  );
  log.info(`Done: ${plan.totalSteps} steps in ${formatDuration(seconds)}, ${Math.round(imagesPerSecond)} images/s.`);
  tellResults(summary, directory, log);
  return summary;
}

/** Durations are known to the millisecond. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
