/**
 * What the tests of lifecycles and faults share: short runs, their undisturbed result, recipes made on the spot, and holding a run still.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually, type Line, type Program, type Run, startRun, type Summary, temporaryDirectory, tinyRecipe } from './harness.ts';
import { freeze } from './processes.ts';

/** Long enough to be interrupted in the middle, and small, since many of them run. */
export const steps = 60;
export const quick = ['--shards', '2', '--batch-size', '16', '--grid-every', '0'];
export const spawnTwo = ['--workers', '2', '--spawn', '--backend', 'wasm'];

/** With these the run waits for a late worker: nobody else can compute its shards where bits may differ. */
export const waitForLate = ['--allow-mixed-numerics'];

export interface Outcome {
  readonly weightsSha256: Summary['weightsSha256'];
  readonly losses: readonly Line[];
}

/** Weights and losses of `steps` quick steps that nothing disturbed; computed once per test file. */
export function undisturbed(t: TestContext): Promise<Outcome> {
  reference ??= (async () => {
    const run = await startRun(t, { args: [...quick, '--workers', '1', '--spawn', '--backend', 'wasm', '--steps', String(steps)] });
    const { weightsSha256 } = await run.completed();
    return { weightsSha256, losses: await run.losses() };
  })();
  return reference;
}
let reference: Promise<Outcome> | undefined;

export async function status(run: Run): Promise<{ state: string; reason: string; ready: boolean; step: number }> {
  const response = await fetch(`${await run.metricsUrl()}/status`);
  return (await response.json()) as Awaited<ReturnType<typeof status>>;
}

export async function stepsDone(run: Run, count: number): Promise<void> {
  await eventually(run, `${count} steps`, async () => (await run.losses()).length >= count);
}

export async function eventsNamed(run: Run, event: string): Promise<Line[]> {
  return (await run.events()).filter((line) => line['event'] === event);
}

/**
 * Stops a worker so that the run waits for it in a round of `phase` (of any phase, if undefined), and stays there.
 * The worker's name is needed because the coordinator's status names the workers it waits for.
 */
export async function hold(run: Run, worker: { readonly pid: number; readonly name: string }, phase?: string): Promise<void> {
  for (;;) {
    await freeze(worker.pid);
    let previous = '';
    // Its last answer may still be on its way: only a sentence that stays the same counts.
    const reason = await eventually(run, `a round that waits for ${worker.name}`, async () => {
      const { reason: now } = await status(run);
      const stays = now === previous && now.endsWith(` from ${worker.name}.`);
      previous = now;
      return stays && now;
    });
    if (phase === undefined || reason.includes(`phase ${phase} `)) return;
    process.kill(worker.pid, 'SIGCONT');
  }
}

/** A recipe file of its own. `change` gets the text of the tiny recipe. */
export async function recipeFile(t: TestContext, change: (tiny: string) => string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'recipe.mjs');
  await writeFile(path, change(await readFile(tinyRecipe, 'utf8')));
  return path;
}

export async function lookingForCoordinator(worker: Program): Promise<void> {
  await eventually(worker, 'a worker that looks for a coordinator', () => worker.output().includes('Looking for a coordinator'));
}
