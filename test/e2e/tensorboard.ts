/**
 * A real TensorBoard (PyPI) that reads a run's event files, in a virtual environment that is kept in node_modules/.cache.
 *
 * Where Python, pip or PyPI is missing the test is skipped by name; LOCKSTEP_REQUIRE_TENSORBOARD=1 (CI) makes it fail instead.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { root } from './harness.ts';

const run = promisify(execFile);
const environment = join(root, 'node_modules/.cache/tensorboard');
const python = join(environment, 'bin/python');

/** What TensorBoard knows of a directory: of scalars [step, value], of pictures [step, width, height, base64]. */
export interface Read {
  readonly scalars: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly images: Readonly<Record<string, readonly (readonly [number, number, number, string])[]>>;
}

const script = `
import base64, json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'images': 0})
events.Reload()
tags = events.Tags()
print(json.dumps({
    'scalars': {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags['scalars']},
    'images': {tag: [[e.step, e.width, e.height, base64.b64encode(e.encoded_image_string).decode()] for e in events.Images(tag)] for tag in tags['images']},
}))
`;

/** Undefined where there is none: the test is skipped. */
export async function tensorBoard(t: TestContext): Promise<((directory: string) => Promise<Read>) | undefined> {
  try {
    if (!existsSync(python)) await install();
  } catch (error) {
    if (process.env['LOCKSTEP_REQUIRE_TENSORBOARD'] === '1') throw error;
    t.skip(`no TensorBoard: ${(error as Error).message.split('\n')[0]}`);
    return undefined;
  }
  return async (directory) => {
    const { stdout } = await run(python, ['-c', script, directory], { maxBuffer: 64 * 1024 * 1024 });
    return JSON.parse(stdout) as Read;
  };
}

async function install(): Promise<void> {
  try {
    await run('python3', ['-m', 'venv', environment]);
    await run(python, ['-m', 'pip', 'install', '--quiet', 'tensorboard>=2.20,<3'], { timeout: 300_000 });
  } catch (error) {
    await rm(environment, { recursive: true, force: true });
    throw error;
  }
}
