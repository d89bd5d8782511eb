/** Data larger than memory should be: 10 GB in the long form, 0.3 GB (more than is kept in memory) in the short one. The file is sparse. */
import assert from 'node:assert/strict';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startRun, temporaryDirectory } from '../e2e/harness.ts';

const isLong = process.env['LOCKSTEP_FULL'] === '1';
const count = Math.ceil((isLong ? 10 : 0.3) * (1e9 / 784));
const steps = isLong ? 200 : 20;

test(
  `${isLong ? 10 : 0.3} GB of images train with less than 1 GB of memory, by any number of workers`,
  { timeout: 1_200_000 },
  async (t) => {
    const directory = await temporaryDirectory(t);
    const data = join(directory, 'data');
    await mkdir(data);
    const file = await open(join(data, 'train-images-idx3-ubyte'), 'w');
    const header = Buffer.alloc(16);
    [0x803, count, 28, 28].forEach((value, index) => header.writeUInt32BE(value, 4 * index));
    await file.write(header);
    // One image in a thousand is not black, so that the samples matter.
    for (let id = 0; id < count; id += 1000) await file.write(Uint8Array.of(255, id & 255, (id >> 8) & 255), 0, 3, 16 + id * 784 + 300);
    await file.truncate(16 + count * 784);
    await file.close();
    const environment = { XDG_CACHE_HOME: join(directory, 'cache') };
    const train = async (workers: number) => {
      const args = ['--data', data, '--workers', String(workers), '--spawn', '--backend', 'wasm', '--steps', String(steps)];
      const run = await startRun(t, { args: [...args, '--grid-every', '0', '--checkpoint-every', '0'], patienceMs: 900_000, environment });
      let peakBytes = 0;
      // The kernel keeps the greatest value; the last one that was read before the end counts.
      const watch = setInterval(() => {
        readFile(`/proc/${run.child.pid}/status`, 'utf8').then(
          (status) => (peakBytes = 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? peakBytes / 1024)),
          () => {},
        );
      }, 50);
      const summary = await run.completed().finally(() => clearInterval(watch));
      return { run, summary, peakBytes };
    };
    const one = await train(1);
    assert.match(one.run.output(), /Reading all of IDX files in .* once, for its SHA-256\./);
    const two = await train(2);
    assert.doesNotMatch(two.run.output(), /for its SHA-256/, 'it is known from the first run');
    assert.deepEqual(two.summary.weightsSha256, one.summary.weightsSha256);
    for (const { peakBytes } of [one, two]) {
      t.diagnostic(`coordinator's greatest resident memory: ${Math.round(peakBytes / 1e6)} MB`);
      assert.ok(peakBytes > 0 && peakBytes < 1e9, `${peakBytes} bytes of resident memory`);
    }
  },
);
