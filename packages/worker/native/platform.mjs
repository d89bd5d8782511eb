/**
 * Refuses machines for which no TensorFlow wheel exists, before anything is downloaded.
 *
 * Responsible for: operating system, processor and C library.
 * Not responsible for: the compiler, Python or the GPU.
 */
import { Failure } from './failure.mjs';

/** The glibc that the wheels were linked against (their tag is manylinux_2_27). */
const oldestGlibc = [2, 27];
const instead = 'use --backend wasm, which needs nothing';

function glibcVersion() {
  process.report.excludeNetwork = true; // or the report looks up names, for seconds
  const report = process.report.getReport();
  return (typeof report === 'string' ? JSON.parse(report) : report).header.glibcVersionRuntime;
}

/** @param {'tensorflow' | 'cuda'} kind */
export function checkPlatform(kind) {
  if (process.platform !== 'linux') {
    throw new Failure(`The native backend is built on Linux only and this is ${process.platform}; ${instead}.`);
  }
  const architectures = kind === 'cuda' ? ['x64'] : ['x64', 'arm64'];
  if (!architectures.includes(process.arch)) {
    throw new Failure(
      `No TensorFlow${kind === 'cuda' ? ' with CUDA' : ''} wheel is pinned for ${process.arch} (only ${architectures.join(', ')}); ${instead}.`,
    );
  }
  const glibc = glibcVersion();
  if (!glibc) throw new Failure(`TensorFlow's wheels need glibc and this system has another C library (musl?); ${instead}.`);
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  if (major < oldestGlibc[0] || (major === oldestGlibc[0] && minor < oldestGlibc[1])) {
    throw new Failure(`TensorFlow's wheels need glibc ${oldestGlibc.join('.')} or newer and this system has ${glibc}; ${instead}.`);
  }
}
