#!/usr/bin/env node
/**
 * `npm run swiftshader`: a Vulkan driver that computes on the CPU, for tests of the backend `webgpu` on machines without a GPU.
 *
 * Responsible for: the flags, what is printed, the exit code, and stopping on a signal.
 * Not responsible for: the work (`swiftshader/build.mjs`), or making it visible to tests (`swiftshader/environment.mjs`, scripts/test.mjs).
 */
import { parseArgs } from 'node:util';
import { Failure, sentenceFor } from '../packages/worker/native/failure.mjs';
import { killChildren } from '../packages/worker/native/process.mjs';
import { build } from './swiftshader/build.mjs';

const helpText = `npm run swiftshader -- [flags]

Puts SwiftShader, a Vulkan driver that computes on the CPU, and a Vulkan loader into .native/swiftshader (git-ignored, kept by npm ci).
npm test then runs the tests of --backend webgpu on it. Only tests use it: nothing is installed on the machine.

  --force    fetch it again even if it exists
  --help     this text

Needs: Linux on x64, npm (70 MB to download), tar.`;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    killChildren();
    process.stderr.write(`npm run swiftshader: Stopped by ${signal}; what was there before is unchanged.\n`);
    process.exit(1);
  });
}

try {
  const { values } = flags();
  if (values.help) process.stdout.write(`${helpText}\n`);
  else await build({ force: values.force, say: (line) => process.stdout.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`npm run swiftshader: ${sentenceFor(error)}\n`);
  process.exitCode = error instanceof Failure ? error.exitCode : 1;
}

function flags() {
  try {
    return parseArgs({ options: { force: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } });
  } catch (cause) {
    throw new Failure(`${cause.message.split(/\. |\n/)[0]}; see npm run swiftshader -- --help.`, { exitCode: 2, cause });
  }
}
