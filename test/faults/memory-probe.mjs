// Loaded into a process before its program (`--import`): writes what it holds after a forced garbage collection into a file, again and again.
import { appendFileSync, readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const everyMs = 2000;

setInterval(() => {
  // Twice, with a turn between, in which finalizers run.
  collect();
  setImmediate(() => {
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    const descriptors = readdirSync('/proc/self/fd').length;
    appendFileSync(process.env.TEST_MEMORY_LOG, `${JSON.stringify({ held: heapUsed + external, rss, descriptors })}\n`);
  });
}, everyMs).unref();
