/**
 * Finds the system's C++ compiler and compiles tfjs-node's addon with it, in one call and without node-gyp.
 *
 * Responsible for: which compiler, the flags, and the sentences when compiling fails.
 * Not responsible for: where sources and libraries come from.
 */
import { Failure } from './failure.mjs';
import { run } from './process.mjs';

const compileMinutes = 10;

/** The functions of TensorFlow that signals.cc stands in front of. */
const wrapped = ['TFE_NewContext', 'TFE_Execute', 'TF_LoadSessionFromSavedModel', 'TF_SessionRun'];

/** N-API 8 is what tfjs-node 4.22 is written for; every Node since 16 has it. */
export const compileFlags = [
  '-std=c++17',
  '-O2',
  '-fPIC',
  '-shared',
  '-w',
  '-DNAPI_VERSION=8',
  ...wrapped.map((name) => `-Wl,--wrap=${name}`),
];

/** @returns {Promise<{ command: string, arguments: string[], version: string }>} */
export async function findCompiler() {
  const chosen = process.env.CXX?.trim();
  const candidates = chosen ? [chosen] : ['c++', 'g++', 'clang++'];
  for (const candidate of candidates) {
    const [command, ...rest] = candidate.split(/\s+/);
    const outcome = await run(command, [...rest, '--version'], { timeoutMs: 60_000 });
    if (outcome.ok) return { command, arguments: rest, version: outcome.output.split('\n')[0] };
  }
  if (chosen) throw new Failure(`The compiler named by CXX (${chosen}) does not run; set CXX to a C++ compiler, or unset it.`);
  throw new Failure(
    'There is no C++ compiler on the PATH (tried c++, g++, clang++); install one (Debian: apt-get install g++) or name it with CXX.',
  );
}

/**
 * @param {{ command: string, arguments: string[] }} compiler
 * @param {{ sources: string[], includes: string[], libraries: string[], runPath: string, output: string }} job
 */
export async function compile(compiler, job) {
  const flags = [
    ...compiler.arguments,
    ...compileFlags,
    ...job.includes.map((directory) => `-I${directory}`),
    ...job.sources,
    ...job.libraries,
    `-Wl,-rpath,${job.runPath}`,
    '-o',
    job.output,
  ];
  const outcome = await run(compiler.command, flags, { timeoutMs: compileMinutes * 60_000 });
  if (outcome.ok) return;
  if (outcome.timedOut)
    throw new Failure(`Compiling the addon took longer than ${compileMinutes} minutes and was given up; is the machine out of memory?`);
  if (outcome.signal)
    throw new Failure(`${compiler.command} was ended by ${outcome.signal} while compiling the addon; is the machine out of memory?`);
  const lines = outcome.errors.split('\n');
  const first =
    lines.find((line) => /error|undefined reference|cannot find|No space left/i.test(line)) ?? lines.find(Boolean) ?? 'no reason given';
  throw new Failure(`${compiler.command} could not compile tfjs-node's addon: ${first.trim()}`);
}
