/** Trains a run again, undisturbed, and compares weights. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LockstepError } from '@lockstep/shared';
import { readSummary } from '../run/run-directory.ts';

/** The hashes, by network, that both runs have. Throws `diverged` if they differ. */
export async function verify(runDirectory: string, say: (sentence: string) => void): Promise<Record<string, string>> {
  const disturbed = await summaryOf(runDirectory);
  const place = await mkdtemp(join(tmpdir(), 'lockstep-chaos-'));
  try {
    const again = join(place, 'run');
    say(`Training ${disturbed.steps} steps again, undisturbed.`);
    const log = await train([
      '--config',
      join(runDirectory, 'config.json'),
      '--steps',
      String(disturbed.steps),
      ...apart,
      '--run-dir',
      again,
    ]);
    const undisturbed = await summaryOf(again, log);
    if (JSON.stringify(undisturbed.weightsSha256) === JSON.stringify(disturbed.weightsSha256)) return undisturbed.weightsSha256;
    throw new LockstepError(
      'numerics-mismatch',
      `The weights of ${runDirectory} are not those of an undisturbed run: ${hashes(disturbed)} instead of ${hashes(undisturbed)}. This is a bug of Lockstep: please report it with both run directories.`,
    );
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** Beside any other run. */
const apart = ['--spawn', '--bind', 'tcp://127.0.0.1:0', '--metrics-port', '0', '--grid-every', '0', '--checkpoint-every', '0'];

interface Trained {
  readonly steps: number;
  readonly weightsSha256: Record<string, string>;
}

async function summaryOf(directory: string, log = ''): Promise<Trained> {
  const summary = (await readSummary(directory)) as Partial<Trained> | undefined;
  if (summary?.steps !== undefined && summary.weightsSha256 !== undefined) return summary as Trained;
  throw new LockstepError(
    'resume-invalid',
    `${directory} has no summary of a completed run, so there is nothing to compare. ${log}`.trim(),
  );
}

/** Resolves with what it printed last. */
async function train(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [process.argv[1]!, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let last = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (last = (last + text).slice(-1000)));
  await once(child, 'close');
  return last.trim();
}

function hashes({ weightsSha256 }: Trained): string {
  return Object.values(weightsSha256)
    .map((hash) => hash.slice(0, 12))
    .join(', ');
}
