/** From a command line to one read-only, checked set of options. Every wrong flag is reported here, before anything starts. */
import { backendsWhere, backendTable, checkGiven, defaultsOf, LockstepError, parseCommandLine, version } from '@lockstep/shared';
import { type Options, optionTable } from './option-table.ts';

const usage = {
  name: 'worker',
  synopsis: 'worker [options]',
  purpose: 'Computes gradients for a coordinator, on one GPU or one CPU core. May be started before the coordinator.',
  examples: [
    ['worker --gpu 0', 'join the coordinator on this machine with GPU 0'],
    ['worker --gpu 1 --connect tcp://trainer:5555', 'join a coordinator on another machine'],
    ['worker --backend webgpu', 'use the first GPU of any vendor'],
    ['worker --backend wasm', 'use one CPU core, without any native library'],
  ],
  version,
} as const;

export async function resolveOptions(argv: readonly string[]): Promise<Options> {
  const typed = checkGiven(optionTable, await parseCommandLine(argv, optionTable, usage));
  const options = { ...defaultsOf(optionTable), ...typed };
  if (options.gpu !== undefined) checkGpu(options.gpu, options.backend);
  return Object.freeze(options);
}

/** With --gpu, `auto` is the backend that can use that GPU. */
function checkGpu(gpu: string, backend: Options['backend']): void {
  if (backend === 'auto') return;
  const { runsOn } = backendTable[backend];
  if (runsOn === 'any-gpu' && !/^\d+$/.test(gpu)) {
    throw new LockstepError('usage', `--gpu ${gpu}: only NVIDIA's GPUs have UUIDs. Give --backend ${backend} the index of an adapter.`);
  }
  if (runsOn === 'cpu') {
    throw new LockstepError(
      'usage',
      `--gpu ${gpu} contradicts --backend ${backend}, which runs on the CPU. Drop one of them, or use --backend ${backendsWhere((traits) => traits.runsOn !== 'cpu')}.`,
    );
  }
}
