/**
 * Whether backend `cuda` works on this machine: tried in a process of its own (the worker's `check-cuda.ts`), since the coordinator loads
 * no TensorFlow.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { workerFile } from './worker-package.ts';

/** CUDA's libraries have gigabytes: from a cold disk that takes its time, but a driver that hangs must not hang the run. */
const defaultTimeoutMs = 60_000;

/** A sentence, or undefined: it works. */
export async function whyNotCuda(environment: NodeJS.ProcessEnv, timeoutMs = defaultTimeoutMs): Promise<string | undefined> {
  const child = fork(workerFile('dist', 'check-cuda.js'), {
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
  return `Backend cuda ${how}; 'npx --no -- worker --backend cuda' shows more.`;
}
