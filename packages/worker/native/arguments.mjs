/**
 * The flags of `lockstep-native`.
 *
 * Responsible for: reading and refusing flags, and the help text.
 * Not responsible for: what the flags do.
 */
import { parseArgs } from 'node:util';
import { Failure } from './failure.mjs';
import { storeDirectory } from './store-directory.mjs';

export const helpText = `lockstep-native [flags]

Builds the addon inside @tensorflow/tfjs-node against a modern TensorFlow, into
${storeDirectory()} (git-ignored, kept by npm ci).
Workers then use it with --backend tensorflow, or with --backend cuda after --cuda.

  --cuda                 build for NVIDIA GPUs: @tensorflow/tfjs-node-gpu, with CUDA and cuDNN from PyPI (about 3.4 GB to download)
  --libtensorflow DIR    use the TensorFlow in DIR instead of downloading one: DIR/include and DIR/lib, or an installed 'tensorflow' folder
  --force                build even when nothing changed
  --help                 this text

Examples:
  npx --no -- lockstep-native
  npx --no -- lockstep-native --cuda
  npx --no -- lockstep-native --libtensorflow /opt/libtensorflow

Needs: Linux, a C++ compiler (CXX, c++, g++ or clang++), and Python with pip (only to download). See docs/native.md.`;

const options = {
  cuda: { type: 'boolean', default: false },
  libtensorflow: { type: 'string' },
  force: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

/** @returns {{ kind: 'tensorflow' | 'cuda', libtensorflow: string | undefined, force: boolean, help: boolean }} */
export function readArguments(argv) {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options, allowPositionals: false }));
  } catch (error) {
    const reason = error.message.split(/\. |\n/)[0].replace(/\.$/, '');
    throw new Failure(`${reason}; see lockstep-native --help.`, { exitCode: 2, cause: error });
  }
  if (values.libtensorflow === '') {
    throw new Failure('--libtensorflow needs a folder; see lockstep-native --help.', { exitCode: 2 });
  }
  return { kind: values.cuda ? 'cuda' : 'tensorflow', libtensorflow: values.libtensorflow, force: values.force, help: values.help };
}
