/**
 * Real coordinators and workers for end-to-end tests: started on free ports in a temporary place, watched, and always cleaned up.
 *
 * Waits are for conditions, never for times. When a test fails, the commands and the last lines of every process are printed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const tinyRecipe = join(root, 'test/fixtures/tiny-gan.mjs');
/** What `npx coordinator` and `npx worker` run. */
export const bins = {
  coordinator: join(root, 'packages/coordinator/bin/coordinator.js'),
  worker: join(root, 'packages/worker/bin/worker.js'),
};
/** Bound on any wait: generous, since the machine may be busy. */
const defaultPatienceMs = 90_000;
const pollMs = 20;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly command: string;
  readonly child: ChildProcess;
  /** Standard output and error, as they came. */
  output(): string;
  readonly exited: Promise<Exit>;
}

export interface Summary {
  readonly runId: string;
  readonly recipe: string;
  readonly steps: number;
  readonly images: number;
  readonly seconds: number | null;
  readonly imagesPerSecond: number | null;
  readonly workers: number | null;
  readonly weightsSha256: Readonly<Record<string, string>>;
}

export type Line = Readonly<Record<string, unknown>>;

export interface Run extends Program {
  readonly directory: string;
  /** Once it listens. */
  endpoint(): Promise<string>;
  metricsUrl(): Promise<string>;
  events(): Promise<Line[]>;
  losses(): Promise<Line[]>;
  summary(): Promise<Summary>;
  /** Exit code 0, or fails with the output. */
  completed(): Promise<Summary>;
}

/** Starts either program. It is killed after the test, and its output printed if the test failed. */
export function start(
  t: TestContext,
  program: keyof typeof bins,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  cwd: string = root,
): Program {
  return launch(t, [process.execPath, bins[program], ...args], environment, cwd);
}

/** The same for any command, for tests that start a program in a way of their own. */
export function launch(
  t: TestContext,
  [file, ...args]: readonly [string, ...string[]],
  environment: NodeJS.ProcessEnv = {},
  cwd: string = root,
): Program {
  const command = [basename(file), ...args].join(' ');
  const child = spawn(file, args, { cwd, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
    // `passed` is newer than the types of Node 20, not than Node 20.
    if ((t as { passed?: boolean }).passed === false) console.error(`--- ${command}\n${output.split('\n').slice(-50).join('\n')}`);
  });
  return { command, child, output: () => output, exited };
}

export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'lockstep-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface RunArguments {
  readonly args: readonly string[];
  readonly directory?: string;
  readonly bind?: string;
  /** How long it may take to complete. */
  readonly patienceMs?: number;
  readonly environment?: NodeJS.ProcessEnv;
}

/** A coordinator with the tiny recipe unless `args` name another. */
export async function startRun(t: TestContext, options: RunArguments): Promise<Run> {
  const { args, directory, bind = 'tcp://127.0.0.1:0', patienceMs = defaultPatienceMs, environment } = options;
  const runDirectory = directory ?? join(await temporaryDirectory(t), 'run');
  const recipe = args.includes('--recipe') || args.includes('--resume') || args.includes('--config') ? [] : ['--recipe', tinyRecipe];
  const program = start(
    t,
    'coordinator',
    [...args, ...recipe, '--run-dir', runDirectory, '--bind', bind, '--metrics-port', '0'],
    environment,
  );
  const matched = async (pattern: RegExp): Promise<string> =>
    (await eventually(program, `output like ${pattern}`, () => pattern.exec(program.output())))[1]!;
  const lines = async (name: string): Promise<Line[]> => parseLines(await readFile(join(runDirectory, name), 'utf8').catch(() => ''));
  const summary = async (): Promise<Summary> => JSON.parse(await readFile(join(runDirectory, 'summary.json'), 'utf8')) as Summary;
  return {
    ...program,
    directory: runDirectory,
    endpoint: () => matched(/Listening at (\S+)\./),
    metricsUrl: () => matched(/Metrics at (\S+)\/metrics/),
    events: () => lines('events.jsonl'),
    losses: () => lines('losses.jsonl'),
    summary,
    completed: async () => {
      const { code, signal } = await within(program, 'the end of the run', program.exited, patienceMs);
      assert.equal(code, 0, `exit ${code ?? signal} of: ${program.command}\n${lastLines(program)}`);
      return summary();
    },
  };
}

/** A worker for a run with the tiny recipe. */
export async function startWorker(t: TestContext, run: Run, args: readonly string[] = []): Promise<Program> {
  const recipe = args.includes('--recipe') ? [] : ['--recipe', tinyRecipe];
  return start(t, 'worker', ['--connect', await run.endpoint(), '--backend', 'wasm', ...recipe, ...args]);
}

/** A program that is expected to refuse to run: its exit code and its output. */
export async function refusal(
  t: TestContext,
  program: keyof typeof bins,
  args: readonly string[],
  environment?: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  const started = start(t, program, args, environment);
  const { code } = await within(started, 'its exit', started.exited);
  return { code, output: started.output() };
}

/** Waits until `probe` yields something, or fails with what the process said. */
export async function eventually<T>(
  program: Program,
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
): Promise<T> {
  const deadline = performance.now() + defaultPatienceMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    const gone = program.child.exitCode !== null || program.child.signalCode !== null;
    if (gone || performance.now() > deadline) {
      const last = await probe();
      if (last !== undefined && last !== null && last !== false) return last;
      throw new Error(`No ${what} from: ${program.command}\n${lastLines(program)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

export async function within<T>(program: Program, what: string, promise: Promise<T>, patienceMs = defaultPatienceMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Timed out waiting for ${what} of: ${program.command}\n${lastLines(program)}`)), patienceMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function lastLines(program: Program): string {
  return program.output().split('\n').slice(-50).join('\n');
}

/** JSON lines; a last line still being written is left out. */
function parseLines(text: string): Line[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}
