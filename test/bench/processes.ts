/**
 * Child processes of a benchmark: started, queried, and ended with it.
 *
 * Responsible for: seeing that no process outlives the benchmark, however it ends short of kill -9 (and then: standard input or the IPC
 * channel closes, on which every process written for a benchmark ends).
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the repository. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const alive = new Set<ChildProcess>();
process.on('exit', () => alive.forEach((child) => child.kill('SIGKILL')));
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly command: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Both streams so far. */
  stdout(): string;
  stderr(): string;
}

/** Starts a program with piped streams. `input`: keep its standard input open for writing. */
export function start(command: string, args: readonly string[], { input = false, environment = {} }: StartOptions = {}): Program {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name]!.setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  // Writing to a program that has ended: its exit is reported, the broken pipe is not.
  child.stdin?.on('error', () => undefined);
  const ended = watch(child, 'close');
  return { command: [command, ...args].join(' '), child, ended, stdout: () => output.stdout, stderr: () => output.stderr };
}

interface StartOptions {
  readonly input?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
}

/** Runs a program to its end and returns what it printed. Throws with its last lines unless it exits with 0. */
export async function run(command: string, args: readonly string[], options: StartOptions = {}): Promise<string> {
  const program = start(command, args, options);
  const { code, signal } = await program.ended;
  if (code !== 0) throw new Error(`${program.command}\nended with ${code ?? signal}:\n${lastLines(program)}`);
  return program.stdout();
}

/** `{ steps: 3 }` -> `--steps 3` */
export function flagsOf(flags: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
}

export function lastLines(program: Program): string {
  return `${program.stdout()}${program.stderr()}`.trimEnd().split('\n').slice(-20).join('\n');
}

export interface Forked<Request, Answer> {
  readonly pid: number;
  /** One request at a time. Throws when the process ends instead of answering. */
  ask(request: Request): Promise<Answer>;
  end(): Promise<void>;
}

/** A TypeScript file of this folder in a process of its own, which answers requests over IPC and ends with this one. */
export function forkFile<Request extends object, Answer>(file: string, args: readonly string[]): Forked<Request, Answer> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  let ending = false;
  const ended = watch(child, 'exit');
  const broken = ended.then(({ code, signal }): never => {
    throw new Error(`the process ${file} ${args.join(' ')} ended with ${code ?? signal}`);
  });
  broken.catch(() => undefined);
  return {
    pid: child.pid!,
    async ask(request) {
      child.send(request);
      const [answer] = (await Promise.race([once(child, 'message'), broken])) as [Answer];
      return answer;
    },
    async end() {
      if (ending) return;
      ending = true;
      if (child.connected) child.disconnect();
      await kill(child, ended);
    },
  };
}

/** Lets it end by itself for a moment, then kills it. */
export async function kill(child: ChildProcess, ended: Promise<Ended>, graceMs = 2000): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}

/** `close`: once its output has been read as well. A process with a channel that was disconnected may never emit it. */
function watch(child: ChildProcess, last: 'close' | 'exit'): Promise<Ended> {
  alive.add(child);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      alive.delete(child);
      reject(error);
    });
    child.once(last, (code: number | null, signal: NodeJS.Signals | null) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
}
