/**
 * Runs `lockstep-native` the way a person does, in a store and with a PATH of the test's own.
 *
 * Responsible for: the child process, and the fake programs and modules that stand for a broken machine.
 * Not responsible for: what is expected of it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../packages/worker/bin/lockstep-native.js', import.meta.url));

export interface Machine {
  readonly directory: string;
  /** What LOCKSTEP_NATIVE_DIR names. */
  readonly store: string;
  /** The only folder on the PATH. */
  readonly bin: string;
}

/** An empty machine: no program on its PATH. */
export function emptyMachine(context: TestContext): Machine {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-native-test-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const machine = { directory, store: join(directory, 'store'), bin: join(directory, 'bin') };
  mkdirSync(machine.store);
  mkdirSync(machine.bin);
  return machine;
}

/** Puts a shell script on the machine's PATH. `#!/bin/sh` has builtins only, since nothing else is on that PATH. */
export function addProgram(machine: Machine, name: string, body: string): void {
  const path = join(machine.bin, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

/** Puts one of this machine's own programs on the PATH; false if it has none. */
export function addOwnProgram(machine: Machine, name: string): boolean {
  const found = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
  if (!found) return false;
  addProgram(machine, name, `PATH='${process.env['PATH']}' exec '${found}' "$@"`);
  return true;
}

/** A compiler that answers `--version` and then behaves as `body` says. */
export function addCompiler(machine: Machine, body = 'exit 0'): void {
  addProgram(machine, 'g++', `[ "$1" = --version ] && echo 'fake g++ 1.0' && exit 0\n${body}`);
}

/** An earlier build: a folder and the link to it. */
export function addEarlierBuild(machine: Machine): void {
  mkdirSync(join(machine.store, 'tensorflow-before'));
  writeFileSync(join(machine.store, 'tensorflow-before', 'build.json'), '{"key":"before","files":[]}');
  symlinkSync('tensorflow-before', join(machine.store, 'tensorflow'));
}

export function currentBuild(machine: Machine): string {
  return readlinkSync(join(machine.store, 'tensorflow'));
}

export interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** JavaScript that runs before the script. */
  readonly preload?: string;
}

/** Runs the script on a machine, with only the environment that is named here. */
export function runNative(machine: Machine, flags: readonly string[], { environment = {}, preload }: RunOptions = {}): Outcome {
  const imports = preload === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(preload)}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...imports, script, ...flags], {
    encoding: 'utf8',
    timeout: 120_000,
    env: { PATH: machine.bin, HOME: machine.directory, LOCKSTEP_NATIVE_DIR: machine.store, ...environment },
  });
  return { status, output: stdout, errors: stderr };
}
