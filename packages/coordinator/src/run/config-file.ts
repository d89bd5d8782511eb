/** config.json: every option as it was resolved, so that --config gives the same run, and `about`: what the run was made with. Pure. */
import { resolve } from 'node:path';
import { version } from '@lockstep/shared';
import type { Options } from '../options/option-table.ts';
import type { ConfigFile } from '../options/resolve-options.ts';
import type { Prepared } from './prepare.ts';

/** What a run is computed with, which decides the last bits of its results; `backend: auto` does not say it. */
export interface Numerics {
  readonly backend: string;
  readonly fingerprint: string;
}

/** `numerics`: undefined until the first worker is ready. */
export function configOf(options: Options, prepared: Prepared, runId: string, numerics: Partial<Numerics> | undefined): object {
  const { recipe, recipeFile, run, dataset, totalSteps } = prepared;
  const { data, ...rest } = options;
  return {
    ...rest,
    recipe: recipeFile ?? recipe.name,
    ...(data === undefined ? {} : { data: resolve(data) }),
    batchSize: run.batchSize,
    steps: totalSteps,
    epochs: undefined,
    runDir: undefined,
    about: {
      lockstepVersion: version,
      runId,
      recipeHash: run.recipe.hash,
      datasetSha256: dataset.sha256,
      backend: numerics?.backend,
      fingerprint: numerics?.fingerprint,
    },
  };
}

const facts = ['runId', 'recipeHash', 'datasetSha256', 'backend', 'fingerprint'] as const;
export type About = Partial<Readonly<Record<(typeof facts)[number], string>>>;

/** What a file says about its run; older and hand-written ones say less. */
export function aboutOf({ about }: ConfigFile): About {
  if (typeof about !== 'object' || about === null) return {};
  const values = about as Readonly<Record<string, unknown>>;
  return Object.fromEntries(facts.flatMap((name) => (typeof values[name] === 'string' ? [[name, values[name]]] : [])));
}
