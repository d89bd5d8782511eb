// Prints Dawn's name for its first adapter. `build.mjs` runs it in a process of its own.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// `webgpu` is a dependency of the worker; wherever npm put it, Node's own resolution finds it from there.
const workerRequire = createRequire(new URL('../../packages/worker/package.json', import.meta.url));
const { create } = await import(pathToFileURL(workerRequire.resolve('webgpu')).href);
const gpu = create([]);
const adapter = await gpu.requestAdapter();
if (adapter === null) throw new Error('it found no adapter');
process.stdout.write(`${adapter.info.description}\n`);
