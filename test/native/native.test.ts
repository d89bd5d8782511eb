/** Every failure of `npm run native` is one sentence, and leaves what worked before working. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Machine, Outcome } from './command.ts';
import { addCompiler, addEarlierBuild, addOwnProgram, addProgram, currentBuild, emptyMachine, runNative } from './command.ts';

/** One line on stderr, with this in it, no stack, and nothing in the store but the earlier build. */
function assertRefused(machine: Machine, outcome: Outcome, sentence: RegExp, exitCode = 1): void {
  assert.match(outcome.errors, sentence);
  assert.equal(outcome.errors.trim().split('\n').length, 1, `more than one line:\n${outcome.errors}`);
  assert.match(outcome.errors, /^lockstep-native: .+\n$/);
  assert.equal(outcome.status, exitCode);
  assert.equal(currentBuild(machine), 'tensorflow-before');
  const builds = readdirSync(machine.store).filter((name) => name !== '.gitignore');
  assert.deepEqual(builds.sort(), ['tensorflow', 'tensorflow-before']);
}

test('an unknown flag is refused by name with exit code 2', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  assertRefused(machine, runNative(machine, ['--cudda']), /'--cudda'/, 2);
  assertRefused(machine, runNative(machine, ['--libtensorflow']), /--libtensorflow/, 2);
});

test('a platform without wheels is named: macOS, an unknown processor, CUDA on arm64, another C library, an old glibc', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  const fake = (name: string, value: string): string => `Object.defineProperty(process, '${name}', { value: '${value}' });`;
  const glibc = (version: string): string => `process.report.getReport = () => ({ header: { glibcVersionRuntime: ${version} } });`;
  assertRefused(machine, runNative(machine, [], { preload: fake('platform', 'darwin') }), /Linux only and this is darwin/);
  assertRefused(machine, runNative(machine, [], { preload: fake('arch', 'riscv64') }), /no TensorFlow wheel is pinned for riscv64/i);
  assertRefused(
    machine,
    runNative(machine, ['--cuda'], { preload: fake('arch', 'arm64') }),
    /no TensorFlow with CUDA wheel is pinned for arm64/i,
  );
  assertRefused(machine, runNative(machine, [], { preload: glibc('undefined') }), /need glibc and this system has another/);
  assertRefused(machine, runNative(machine, [], { preload: glibc("'2.26'") }), /2\.27 or newer and this system has 2\.26/);
});

test('no compiler: the sentence says which were tried and what to install', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  assertRefused(machine, runNative(machine, []), /no C\+\+ compiler on the PATH.*apt-get install g\+\+/);
  assertRefused(machine, runNative(machine, [], { environment: { CXX: 'no-such-compiler' } }), /CXX \(no-such-compiler\)/);
});

test('no Python, and a Python without pip', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  addCompiler(machine);
  assertRefused(machine, runNative(machine, []), /no python3 on the PATH/);
  addProgram(machine, 'python3', 'echo "No module named pip" >&2; exit 1');
  assertRefused(machine, runNative(machine, []), /python3 has no pip/);
});

test('the output of pip becomes a sentence: no network, no such version, a full disk, and anything else in its own words', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  addCompiler(machine);
  const pipSays = (text: string): Outcome => {
    addProgram(machine, 'python3', `[ "$3" = --version ] && exit 0\necho '${text}' >&2; exit 1`);
    return runNative(machine, []);
  };
  const refused =
    'WARNING: Retrying after connection broken by NewConnectionError: [Errno 111] Connection refused\nERROR: No matching distribution found';
  assertRefused(machine, pipSays(refused), /could not reach its package index/);
  assertRefused(machine, pipSays('ERROR: No matching distribution found for tensorflow-cpu'), /index has no tensorflow/);
  assertRefused(machine, pipSays('ERROR: [Errno 28] No space left on device'), /disk filled up while/);
  assertRefused(machine, pipSays('ERROR: Could not find an activated virtualenv (required).'), /activated virtualenv/);
});

test('a wheel that is not the pinned one is refused by its hash', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  addCompiler(machine);
  if (!addOwnProgram(machine, 'python3')) return context.skip('this machine has no python3');
  const wheels = join(machine.directory, 'wheels');
  mkdirSync(wheels);
  for (const name of [
    'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl',
    'tensorflow-2.21.0-cp312-cp312-manylinux_2_27_aarch64.whl',
  ]) {
    writeFileSync(join(wheels, name), 'not the pinned wheel');
  }
  const environment = { PIP_CONFIG_FILE: '/dev/null', PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels };
  assertRefused(machine, runNative(machine, [], { environment }), /is not the file that was pinned/);
});

test('too little disk is refused before anything is downloaded, with the numbers', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  addCompiler(machine);
  const preload = `import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
    fs.promises.statfs = async () => ({ bavail: 1000, bsize: 500_000 }); syncBuiltinESMExports();`;
  assertRefused(machine, runNative(machine, [], { preload }), /0\.5 GB free and 1\.4 GB are needed/);
});

test('--libtensorflow: a folder that does not exist, has no library, or has no headers', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  addCompiler(machine);
  const library = join(machine.directory, 'library');
  assertRefused(machine, runNative(machine, ['--libtensorflow', library]), /there is no folder/);
  mkdirSync(join(library, 'lib'), { recursive: true });
  assertRefused(machine, runNative(machine, ['--libtensorflow', library]), /libtensorflow\.so\.2 or libtensorflow_cc\.so\.2/);
  for (const name of ['libtensorflow.so.2', 'libtensorflow_framework.so.2']) writeFileSync(join(library, 'lib', name), '');
  assertRefused(machine, runNative(machine, ['--libtensorflow', library]), /lacks the header tensorflow\/c\/c_api\.h/);
});

/** A folder that looks like a C library until it is linked. */
function addFakeLibrary(machine: Machine): string {
  const library = join(machine.directory, 'library');
  mkdirSync(join(library, 'lib'), { recursive: true });
  for (const name of ['libtensorflow.so.2', 'libtensorflow_framework.so.2']) writeFileSync(join(library, 'lib', name), '');
  for (const header of ['tensorflow/c/c_api.h', 'tensorflow/c/eager/c_api.h', 'tensorflow/core/platform/ctstring_internal.h']) {
    mkdirSync(join(library, 'include', header, '..'), { recursive: true });
    writeFileSync(join(library, 'include', header), '');
  }
  return library;
}

test('an addon that does not compile, and one that does not train, are not installed', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  const library = addFakeLibrary(machine);
  addCompiler(machine, "echo 'tfjs_backend.cc:1: error: something is wrong' >&2; exit 1");
  assertRefused(
    machine,
    runNative(machine, ['--libtensorflow', library]),
    /could not compile tfjs-node's addon: tfjs_backend\.cc:1: error: something is wrong/,
  );
  // Writes its -o argument, the last one, as the "addon".
  addCompiler(machine, 'for last; do :; done; echo "not an addon" > "$last"');
  assertRefused(machine, runNative(machine, ['--libtensorflow', library]), /could not train one step, so it was not installed: .+/);
});

test('a second builder is refused while the first one runs; the lock of a dead one is taken over', (context) => {
  const machine = emptyMachine(context);
  addEarlierBuild(machine);
  addCompiler(machine);
  writeFileSync(join(machine.store, 'lock'), `${process.pid}\n`);
  const outcome = runNative(machine, []);
  assert.match(outcome.errors, new RegExp(`Another lockstep-native \\(process ${process.pid}\\) is building`));
  assert.equal(outcome.status, 1);
  // Beyond the largest process id that Linux gives.
  writeFileSync(join(machine.store, 'lock'), `${2 ** 22 + 1}\n`);
  mkdirSync(join(machine.store, 'tensorflow-interrupted'));
  assertRefused(machine, runNative(machine, []), /no python3 on the PATH/);
});
