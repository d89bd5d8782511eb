// Preloaded by tests beside tsx: on Node 20 tsx itself registers in the main thread only, and the coordinator reads large data in a thread.
import { isMainThread } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

if (!isMainThread) register();
