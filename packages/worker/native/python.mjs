/**
 * Finds a Python that has pip.
 *
 * Responsible for: which Python, and the sentences when there is none.
 * Not responsible for: what pip does (`wheel.mjs`).
 */
import { Failure } from './failure.mjs';
import { run } from './process.mjs';

const timeoutMs = 60_000;
const instead = 'or give a TensorFlow that is already here with --libtensorflow DIR';

/** @returns {Promise<string>} the command: 'python3' or 'python' */
export async function findPython() {
  let found;
  for (const command of ['python3', 'python']) {
    const outcome = await run(command, ['-m', 'pip', '--version'], { timeoutMs });
    if (outcome.ok) return command;
    if (outcome.timedOut)
      throw new Failure(`${command} -m pip --version gave no answer within ${timeoutMs / 1000} s; mend that Python ${instead}.`);
    if (!outcome.missing) found ??= command;
  }
  if (found)
    throw new Failure(`${found} has no pip, which downloads TensorFlow; install it (Debian: apt-get install python3-pip) ${instead}.`);
  throw new Failure(
    `There is no python3 on the PATH, and its pip downloads TensorFlow; install it (Debian: apt-get install python3-pip) ${instead}.`,
  );
}
