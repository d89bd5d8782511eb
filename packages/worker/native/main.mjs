/**
 * `lockstep-native` (`npm run native` in this repository): puts a modern TensorFlow under tfjs-node (or, with --cuda, under tfjs-node-gpu).
 *
 * Responsible for: the command line, what is printed, the exit code, and stopping on a signal.
 * Not responsible for: any of the work (`build.mjs`), or loading the result (../src/backends/native-addon.ts).
 */
import { helpText, readArguments } from './arguments.mjs';
import { build } from './build.mjs';
import { Failure, sentenceFor } from './failure.mjs';
import { killChildren } from './process.mjs';

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
  process.stderr.write(`lockstep-native: ${sentenceFor(error)}\n`);
  process.exitCode = error instanceof Failure ? error.exitCode : 1;
}
