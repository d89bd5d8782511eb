/** What can be done to a run under way: the verbs of fault plans, by name. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type Program, within } from '../e2e/harness.ts';
import { freeze, thaw } from '../e2e/processes.ts';
import { type Cluster, clockFileOf, type Place } from './cluster.ts';
import type { MessageType, FrameRule, Mangle } from './frame-link.ts';

/** A worker by its name, or the coordinator. */
export type Target = string;
export const coordinator: Target = 'coordinator';

interface Done {
  readonly to: Target;
  /** How much: milliseconds, bytes per second. */
  readonly value?: number;
}

type Deed = (cluster: Cluster, done: Done) => Promise<void> | void;

export const deeds = {
  kill: (cluster, { to }) => signal(cluster, to, 'SIGKILL'),
  terminate: (cluster, { to }) => signal(cluster, to, 'SIGTERM'),
  stop: (cluster, { to }) => freeze(programOf(cluster, to).child.pid!),
  continue: (cluster, { to }) => thaw(programOf(cluster, to).child.pid!),
  /** The next life of a worker or the coordinator that has ended. */
  start: async (cluster, { to }) => (to === coordinator ? cluster.resume() : placeOf(cluster, to).start()),
  delay: (cluster, { to, value }) => placeOf(cluster, to).bytes.set({ delayMs: value! }),
  throttle: (cluster, { to, value }) => placeOf(cluster, to).bytes.set({ bytesPerSecond: value! }),
  /** Nothing arrives any more, and no connection is closed. What was sent arrives when this ends, as after a partition that heals. */
  silence: (cluster, { to }) => placeOf(cluster, to).bytes.set({ frozen: true }),
  /** The same one way only: the worker hears the coordinator, and is not heard. What it sends is lost. */
  mute: (cluster, { to }) =>
    placeOf(cluster, to).bytes.set({ change: (bytes, direction) => (direction === 'up' ? Buffer.alloc(0) : bytes) }),
  heal: (cluster, { to }) => placeOf(cluster, to).bytes.set({}),
  /** Every connection is reset; new ones may follow at once. */
  reset: (cluster, { to }) => placeOf(cluster, to).bytes.cut(),
  /** From the true time, in milliseconds. */
  'shift clocks': (cluster, { value }) => writeFile(clockFileOf(cluster.directory), `${value! < 0 ? '' : '+'}${value! / 1000}`),
  /** For a moment that is only waited for. */
  nothing: () => {},
  'fill disk': (cluster) => fill(fillerOf(cluster)),
  'empty disk': (cluster) => rm(fillerOf(cluster), { force: true }),
} as const satisfies Readonly<Record<string, Deed>>;
export type DeedName = keyof typeof deeds;

export function programOf(cluster: Cluster, to: Target): Program {
  const program = to === coordinator ? cluster.run : placeOf(cluster, to).worker;
  assert.ok(program !== undefined, `${to} was never started`);
  return program;
}

export function placeOf(cluster: Cluster, name: string): Place {
  const found = cluster.places.find((place) => place.name === name);
  assert.ok(found !== undefined, `there is no worker ${name}`);
  return found;
}

/** And waits until it has ended. A process that is stopped hears only SIGKILL. */
async function signal(cluster: Cluster, to: Target, name: NodeJS.Signals): Promise<void> {
  const program = programOf(cluster, to);
  program.child.kill(name);
  await within(program, `its end by ${name}`, program.exited);
}

function fillerOf({ directory }: Cluster): string {
  return join(directory, '..', 'filler');
}

async function fill(path: string): Promise<void> {
  await assert.rejects(writeFile(path, Buffer.alloc(64 * 1024 * 1024)), { code: 'ENOSPC' });
}

/** What can be done to single messages, by name. */
export const mangles = {
  drop: () => {},
  duplicate: (frames, send) => {
    send(frames);
    send(frames);
  },
  /** It comes a second time, long after what it was about. */
  replay: (frames, send) => {
    send(frames);
    setTimeout(() => send(frames), 300);
  },
  /** Others may overtake it. */
  postpone: (frames, send) => void setTimeout(() => send(frames), 300),
  truncate: (frames, send) => send(frames.slice(0, -1)),
  /** A bit of the last frame, which holds tensors where they travel in messages. */
  'flip a bit': (frames, send) => {
    const last = Buffer.from(frames.at(-1)!);
    last[last.length >> 1]! ^= 1;
    send([...frames.slice(0, -1), last]);
  },
  shorten: (frames, send) => send([...frames.slice(0, -1), frames.at(-1)!.subarray(4)]),
  garble: (frames, send) => send([Buffer.alloc(frames[0]!.length, 0xff), ...frames.slice(1)]),
} as const satisfies Readonly<Record<string, Mangle>>;
export type MangleName = keyof typeof mangles;

/** The rule by which it happens to the `nth` message of a type, and to `times` of them. */
export function ruleOf(type: MessageType, name: MangleName, nth: number, times = 1): FrameRule {
  return { type, nth, times, mangle: mangles[name], done: 0 };
}

/** The path of a file system of few megabytes, until the test ends. Undefined where this user may not mount one. */
export async function mountSmallDisk(t: TestContext, megabytes: number): Promise<string | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-disk-'));
  const run = promisify(execFile);
  const isMounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]).then(
    () => true,
    () => false,
  );
  t.after(async () => {
    if (isMounted) await run('umount', ['--lazy', path]);
    await rmdir(path);
  });
  return isMounted ? path : undefined;
}
