/**
 * Whether a backend works on this machine: it is tried in a process of its own (the worker's `check-backend.ts`), since the coordinator
 * loads no TensorFlow.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { workerFile } from './worker-package.ts';

/** CUDA's libraries are gigabytes in size, which takes a while from a cold disk, but a driver that hangs must not hang the run. */
const defaultTimeoutMs = 60_000;

/** Why it does not work, in a sentence; undefined if it works. */
export async function whyNot(backend: string, environment: NodeJS.ProcessEnv, timeoutMs = defaultTimeoutMs): Promise<string | undefined> {
  const child = fork(workerFile('dist', 'check-backend.js'), [backend], {
    env: environment,
    execArgv: [],
    stdio: 'ignore',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let answer: { readonly reason?: string } | undefined;
  child.once('message', (message) => (answer = message as typeof answer));
  // After 'exit', and after the last message.
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (answer !== undefined) return answer.reason;
  const how = child.killed ? `did not load within ${timeoutMs / 1000} seconds` : `ended its check with ${signal ?? `exit code ${code}`}`;
  return `Backend ${backend} ${how}; 'npx --no -- worker --backend ${backend}' shows more.`;
}
