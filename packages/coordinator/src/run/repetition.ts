/**
 * What prevents a run from being repeated bit for bit from its config.json. Pure; the sentences are warnings.
 *
 * A warning and not an error, since a config file is also a template: for another machine, which may not have the backend of the first
 * one, or for other data. What workers compute is known only once the first one is ready, and training is then worth more than an exit code.
 */
import { optionNames, type Options, optionTable } from '../options/option-table.ts';
import { fileOptions } from '../options/resolve-options.ts';
import { aboutOf, type Numerics } from './config-file.ts';
import type { Base } from './origin.ts';
import type { Prepared } from './prepare.ts';

/** Warns of a recipe or data of other bytes than the file's run began with. */
export function changedSources({ path, file }: Base, { run, dataset }: Prepared): string[] {
  const { recipeHash = run.recipe.hash, datasetSha256 = dataset.sha256 } = aboutOf(file);
  const sentence = (what: string): string => `The ${what} is not the one of the run that wrote ${path}, so the weights will differ.`;
  return [
    ...(recipeHash === run.recipe.hash ? [] : [sentence('recipe')]),
    ...(datasetSha256 === dataset.sha256 ? [] : [sentence('data set')]),
  ];
}

/** Warns if workers compute results that differ in their last bits from those of the file's run, although everything else is the same. */
export function changedNumerics(base: Base, options: Options, prepared: Prepared, now: Numerics): string | undefined {
  const { backend, fingerprint } = aboutOf(base.file);
  if (fingerprint === undefined || fingerprint === now.fingerprint) return undefined;
  const original = fileOptions(base);
  const isRepeated = optionNames.every((name) => optionTable[name].changesOnResume || original[name] === options[name]);
  if (!isRepeated || changedSources(base, prepared).length > 0) return undefined;
  const cause =
    backend === now.backend
      ? `both use --backend ${backend}, on another device, library or version of Lockstep`
      : `it used --backend ${backend}, and this one uses ${now.backend}`;
  return `The weights will differ in their last bits from those of the run that wrote ${base.path}: ${cause}.`;
}
