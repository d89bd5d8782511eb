/**
 * Runs other programs: bounded in time and in kept output, and ended together with this one.
 *
 * Responsible for: spawning, time limits, and killing the whole process group.
 * Not responsible for: what the output means.
 */
import { spawn } from 'node:child_process';

const keptCharacters = 64 * 1024;
const running = new Set();

/** Ends every program started here, with all that they started. */
export function killChildren() {
  for (const child of running) killGroup(child);
}

function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Ended by itself in the meantime.
  }
}

/**
 * Runs a program to its end. Never throws: a program that does not exist or ran too long is an outcome like any other.
 * @returns {Promise<{ ok: boolean, missing: boolean, timedOut: boolean, status: number | null, signal: string | null, output: string, errors: string }>}
 *   `output` and `errors` hold the last 64 KiB of each stream.
 */
export function run(command, args, { timeoutMs, env = process.env, cwd } = {}) {
  return new Promise((resolve) => {
    // A group of its own, so that a time limit ends what the program started too (a compiler is a driver and its children).
    const child = spawn(command, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let [output, errors, timedOut] = ['', '', false];
    child.stdout.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-keptCharacters)));
    child.stderr.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-keptCharacters)));
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    const finish = (outcome) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ ok: false, missing: false, timedOut, status: null, signal: null, output, errors, ...outcome });
    };
    child.on('error', (error) => finish({ missing: error.code === 'ENOENT' || error.code === 'EACCES', errors: error.message }));
    child.on('close', (status, signal) => finish({ ok: status === 0, status, signal, output, errors, timedOut }));
  });
}
