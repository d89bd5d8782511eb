/**
 * A run of real processes that faults can act on: a coordinator that can be killed and resumed at the same address, and workers started by
 * hand, each behind a link of its own.
 *
 * Not responsible for: which faults (`plan.ts`), or for starting anything again by itself (`nemesis.ts`).
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Program, type Run, start, startRun, temporaryDirectory } from '../e2e/harness.ts';
import { freePort, privateTemporary } from '../e2e/processes.ts';
import { type Proxy, startProxy } from '../e2e/proxy.ts';
import { type FrameLink, openFrameLink } from './frame-link.ts';
import { recipeWithKnobs } from './recipe.ts';
import { shiftedBy } from './tools.ts';

export const shape = ['--shards', '4', '--batch-size', '16', '--grid-every', '0'];

/** `mixed`: every second worker is as if on another host, and gets its tensors in messages. */
export type CarrierMix = 'shm' | 'inline' | 'mixed';

export interface ClusterOptions {
  readonly steps: number;
  readonly workers: readonly string[];
  readonly carrier: CarrierMix;
  /** Further ones, for the coordinator. */
  readonly args?: readonly string[];
  /** Of the workers, and of the coordinator. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly ofCoordinator?: NodeJS.ProcessEnv;
  /** Clocks can be shifted (`tools.ts`). */
  readonly clock?: true | undefined;
  /** Where the run directory is made; a new temporary directory if undefined. */
  readonly place?: string;
}

/** Where one worker runs. */
export interface Place {
  readonly name: string;
  /** What it connects to, and what that leads to. */
  readonly bytes: Proxy;
  readonly frames: FrameLink;
  readonly environment: NodeJS.ProcessEnv;
  worker: Program | undefined;
  start(): void;
}

export interface Cluster {
  readonly recipe: string;
  readonly directory: string;
  readonly temporary: string;
  readonly bind: string;
  readonly places: readonly Place[];
  /** The coordinator's present or last life. */
  run: Run;
  /** Resumes the run, after the coordinator has ended. */
  resume(args?: readonly string[]): Promise<void>;
}

export async function startCluster(t: TestContext, options: ClusterOptions): Promise<Cluster> {
  const { steps, workers, carrier, args = [], clock } = options;
  const recipe = await recipeWithKnobs(t);
  const directory = join(options.place ?? (await temporaryDirectory(t)), 'run');
  const temporary = await privateTemporary(directory);
  const bind = `tcp://127.0.0.1:${await freePort()}`;
  const ofAll = { TMPDIR: temporary, ...(clock === undefined ? {} : shiftedBy(clockFileOf(directory))) };
  if (clock !== undefined) await writeFile(clockFileOf(directory), '+0');
  const common = { bind, directory, environment: { ...ofAll, ...options.ofCoordinator }, patienceMs: 240_000 };
  const run = await startRun(t, {
    ...common,
    args: [...shape, '--steps', String(steps), '--workers', String(workers.length), '--recipe', recipe, ...carrierArgs(carrier), ...args],
  });
  const places: Place[] = [];
  const cluster: Cluster = {
    recipe,
    directory,
    temporary,
    bind,
    places,
    run,
    async resume(args = []) {
      cluster.run = await startRun(t, { ...common, args: ['--resume', ...args] });
    },
  };
  for (const [index, name] of workers.entries()) {
    const hidesMemory = carrier === 'mixed' && index % 2 === 1;
    places.push(await makePlace(t, { name, bind, recipe, environment: { ...ofAll, ...options.environment }, hidesMemory }));
  }
  return cluster;
}

/** How far clocks are from the truth. */
export function clockFileOf(directory: string): string {
  return join(directory, '..', 'clock');
}

export function carrierArgs(carrier: CarrierMix): string[] {
  return carrier === 'inline' ? ['--carrier', 'inline'] : [];
}

interface PlaceOptions {
  readonly name: string;
  readonly bind: string;
  readonly recipe: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly hidesMemory: boolean;
}

async function makePlace(t: TestContext, { name, bind, recipe, environment, hidesMemory }: PlaceOptions): Promise<Place> {
  const frames = await openFrameLink(bind, { hidesMemory });
  t.after(() => frames.close());
  const bytes = await startProxy(t, frames.endpoint);
  frames.hangUp = () => bytes.cut();
  const place: Place = {
    name,
    bytes,
    frames,
    environment: { ...environment },
    worker: undefined,
    start() {
      const args = ['--connect', bytes.endpoint, '--name', name, '--backend', 'wasm', '--recipe', recipe];
      place.worker = start(t, 'worker', args, place.environment);
    },
  };
  return place;
}
