/**
 * What a command line starts from: the run that --resume names, the file that --config names, or nothing. Reads only.
 *
 * `--resume` starts a run if there is none yet, so that a supervisor can always pass it.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { flagOf, LockstepError } from '@lockstep/shared';
import type { CommandLine } from '../options/command-line.ts';
import type { ConfigFile } from '../options/resolve-options.ts';
import { holdsRun, readRunConfig } from './run-directory.ts';

/** Options read from a file. */
export interface Base {
  readonly path: string;
  readonly file: ConfigFile;
}

export interface Origin {
  /** The run directory to resume; undefined for a new run. */
  readonly resumes: string | undefined;
  /** Of the checkpoint to resume; undefined for the newest. */
  readonly step: number | undefined;
  /** The config.json of that run, or the file of --config. */
  readonly base: Base | undefined;
}

export async function findOrigin(commandLine: CommandLine): Promise<Origin> {
  const resumes = commandLine.resume ? await resumedDirectory(commandLine) : undefined;
  if (resumes === undefined && commandLine.step !== undefined)
    throw new LockstepError(
      'resume-invalid',
      `There is no run to take back to step ${commandLine.step}. Name its directory with --run-dir.`,
    );
  const base = resumes === undefined ? await readConfigOption(commandLine) : await readConfigOf(resumes);
  if (base !== undefined) checkPlaces(base, commandLine);
  return { resumes, step: commandLine.step, base };
}

async function readConfigOf(directory: string): Promise<Base> {
  const path = join(directory, 'config.json');
  return { path, file: objectOf(await readRunConfig(directory), path) };
}

async function readConfigOption({ resume, config: path }: CommandLine): Promise<Base | undefined> {
  if (resume || path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new LockstepError('config-invalid', `--config ${path} cannot be read: ${error.message}.`, { cause: error });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LockstepError('config-invalid', `--config ${path} is not JSON: ${(error as Error).message}.`, { cause: error });
  }
  return { path, file: objectOf(value, path) };
}

function objectOf(value: unknown, path: string): ConfigFile {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new LockstepError('config-invalid', `${path} is not a JSON object of options.`);
}

/** `--run-dir`, or the newest run in runs/; undefined if no run has begun there. */
async function resumedDirectory({ typed: { runDir } }: CommandLine): Promise<string | undefined> {
  if (typeof runDir === 'string') return (await holdsRun(resolve(runDir))) ? resolve(runDir) : undefined;
  const runs = await readdir('runs').catch(() => []);
  const dated = await Promise.all(
    runs.map(async (name) => ({ path: resolve('runs', name), time: await timeOf(join('runs', name, 'config.json')) })),
  );
  return dated.filter(({ time }) => time > 0).toSorted((a, b) => b.time - a.time)[0]?.path;
}

async function timeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

/** Paths in a config file are absolute: if something has moved since, only a flag can say where it is now. */
function checkPlaces({ path, file }: Base, { typed }: CommandLine): void {
  for (const [name, code] of [
    ['recipe', 'recipe-invalid'],
    ['data', 'data-invalid'],
  ] as const) {
    const place = file[name];
    if (typed[name] !== undefined || typeof place !== 'string' || !isAbsolute(place) || existsSync(place)) continue;
    throw new LockstepError(
      code,
      `${path} has ${flagOf(name)} ${place}, which no longer exists: give its new location with ${flagOf(name)}.`,
    );
  }
}
