#!/usr/bin/env node
/**
 * `npm run native`: puts a modern TensorFlow under tfjs-node (or, with --cuda, under tfjs-node-gpu).
 *
 * Responsible for: the command line, what is printed, the exit code, and stopping on a signal.
 * Not responsible for: any of the work (`native/build.mjs`), or loading the result (packages/worker/src/backends/native-addon.ts).
 *
 * Plain JavaScript, so that it runs on a fresh clone before anything is built.
 */
import { helpText, readArguments } from './native/arguments.mjs';
import { build } from './native/build.mjs';
import { Failure, sentenceFor } from './native/failure.mjs';
import { killChildren } from './native/process.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

async function main() {
  const request = readArguments(process.argv.slice(2));
  if (request.help) {
    say(helpText);
    return;
  }
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      stopped.abort(new Failure(`Stopped by ${signal}; what was built before is untouched.`));
      killChildren();
    });
  }
  await build(request, { say, signal: stopped.signal });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`npm run native: ${sentenceFor(error)}\n`);
  process.exitCode = error instanceof Failure ? error.exitCode : 1;
}
