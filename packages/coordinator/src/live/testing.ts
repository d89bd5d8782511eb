/** Run directories for tests, written by hand. */
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export interface WrittenRun {
  readonly path: string;
  losses(from: number, to: number): Promise<void>;
  event(event: string, fields?: object): Promise<void>;
  grid(step: number, bytes?: string): Promise<void>;
}

export async function writtenRun(t: TestContext): Promise<WrittenRun> {
  const path = await mkdtemp(join(tmpdir(), 'lockstep-live-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  await mkdir(join(path, 'grids'));
  await writeFile(join(path, 'config.json'), JSON.stringify({ recipe: 'gan', seed: 7, steps: 100 }));
  const append = (name: string, value: object) => appendFile(join(path, name), `${JSON.stringify(value)}\n`);
  return {
    path,
    async losses(from, to) {
      for (let step = from; step <= to; step += 1)
        await append('losses.jsonl', { step, loss: { generator: step / 10 }, metrics: { realScore: 0.5 } });
    },
    event: (event, fields = {}) => append('events.jsonl', { time: '2026-01-01T00:00:00.000Z', event, ...fields }),
    grid: (step, bytes = `grid ${step}`) => writeFile(join(path, 'grids', `step-${String(step).padStart(6, '0')}.png`), bytes),
  };
}
