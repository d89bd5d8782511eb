/**
 * Real coordinators for benchmarks: the programs as they are installed (dist/), on free ports, in a temporary run directory.
 *
 * Responsible for: starting, watching and stopping one. Not responsible for: which runs are compared.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorTable } from '@lockstep/shared';
import { kill, lastLines, type Program, root, run, start } from './processes.ts';
import { type Page, parsePage } from './prometheus.ts';

const bins = { coordinator: join(root, 'packages/coordinator/bin/coordinator.js'), worker: join(root, 'packages/worker/bin/worker.js') };
const pollMs = 50;
/** How long a coordinator may take to listen, or to obey SIGTERM. */
const patienceMs = 60_000;

/** Compiles the packages, so that what is measured is what is in the tree. */
export async function build(): Promise<void> {
  await run(process.execPath, [join(root, 'scripts/build.mjs')]);
}

const directories = new Set<string>();
process.on('exit', () => directories.forEach((path) => rmSync(path, { recursive: true, force: true })));

/** It is deleted when `remove` is called, or with this process. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-bench-'));
  directories.add(path);
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true });
    directories.delete(path);
  };
  return { path, remove };
}

export interface Summary {
  readonly imagesPerSecond: number;
  readonly backend: string;
  readonly workers: number;
}

/** Runs a training to its end and returns its summary. Throws with the last lines of its output when it fails. */
export async function train(args: readonly string[]): Promise<Summary> {
  const directory = await temporaryDirectory();
  try {
    const runDirectory = join(directory.path, 'run');
    await run(process.execPath, [bins.coordinator, ...args, ...quiet, '--run-dir', runDirectory, '--bind', 'tcp://127.0.0.1:0']);
    return JSON.parse(await readFile(join(runDirectory, 'summary.json'), 'utf8')) as Summary;
  } finally {
    await directory.remove();
  }
}

/** No pictures or checkpoints but the last ones, which come after the last measured step. */
const quiet = ['--grid-every', '0', '--checkpoint-every', '0', '--metrics-port', '0'];

export interface Serving {
  readonly endpoint: string;
  /** Of its HTTP server, without a path. */
  readonly url: string;
  readonly pid: number;
  /** What it printed so far. */
  output(): string;
  /** Its metrics now. */
  scrape(): Promise<Page>;
  /** Resolves when /healthz has answered. */
  askHealth(): Promise<void>;
  /** For how long its event loop was held at most, in milliseconds of processor time; undefined outside Linux. */
  heldMs(): Promise<number | undefined>;
  /** Throws with its last lines if it has ended. */
  check(): void;
  /** SIGTERM, and waits for its end. */
  stop(): Promise<void>;
}

/** A coordinator that listens, for workers that the benchmark starts itself. */
export async function serve(
  args: readonly string[],
  bind: string,
  directory: string,
  {
    node = [],
    checkpointEvery = 0,
    watchesLoop = false,
  }: {
    readonly node?: readonly string[];
    readonly checkpointEvery?: number;
    readonly watchesLoop?: boolean;
  } = {},
): Promise<Serving> {
  const heldFile = join(directory, 'held');
  const before = watchesLoop && process.platform === 'linux' ? ['--import', join(root, 'test/bench/held-loop.mjs')] : [];
  const places = ['--run-dir', join(directory, 'run'), '--bind', bind, '--checkpoint-every', String(checkpointEvery)];
  const program = start(process.execPath, [...node, ...before, bins.coordinator, ...args, ...quiet, ...places], {
    environment: { LOCKSTEP_HELD_FILE: heldFile },
  });
  const [endpoint, metricsUrl] = await listening(program);
  return {
    endpoint,
    url: new URL(metricsUrl).origin,
    pid: program.child.pid!,
    output: () => program.stdout(),
    heldMs: () => readFile(heldFile, 'utf8').then(Number, () => undefined),
    askHealth: async () => void (await (await fetch(new URL('/healthz', metricsUrl))).text()),
    scrape: async () => parsePage(await (await fetch(metricsUrl)).text()),
    check: () => failIfEnded(program),
    stop: async () => {
      program.child.kill('SIGTERM');
      await kill(program.child, program.ended, patienceMs);
    },
  };
}

async function listening(program: Program): Promise<[endpoint: string, metricsUrl: string]> {
  const deadlineMs = performance.now() + patienceMs;
  while (performance.now() < deadlineMs) {
    const match = /Listening at (\S+)\. Metrics at (\S+)/.exec(program.stdout());
    if (match !== null) return [match[1]!, match[2]!];
    failIfEnded(program);
    await sleep(pollMs);
  }
  throw new Error(`${program.command}\ndid not listen:\n${lastLines(program)}`);
}

function failIfEnded(program: Program): void {
  const { exitCode, signalCode } = program.child;
  if (exitCode === null && signalCode === null) return;
  throw new Error(`${program.command}\nended with ${exitCode ?? signalCode}:\n${lastLines(program)}`);
}

/** Why a backend cannot be used here, in the worker's own words; undefined if it can. */
export async function backendFault(backend: string): Promise<string | undefined> {
  const directory = await temporaryDirectory();
  const nobody = `ipc://${join(directory.path, 'nobody')}`;
  const worker = start(process.execPath, [bins.worker, '--backend', backend, '--connect', nobody, '--reconnect-timeout', '1']);
  const { code } = await worker.ended;
  await directory.remove();
  if (code === errorTable['coordinator-unreachable'].exitCode) return undefined;
  const sentence =
    worker
      .stderr()
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^worker: /, '') ?? '';
  if (code === errorTable['backend-unavailable'].exitCode) return sentence;
  throw new Error(`${worker.command}\nended with ${code}:\n${lastLines(worker)}`);
}
