/**
 * XLA for compiled phases: TensorFlow's own compiler fuses a phase's operations into one kernel, in place of running them one by one.
 *
 * Responsible for: asking for it, node by node, and finding out whether TensorFlow has it. Not responsible for: whether a run wants it
 * (`--execution xla`), or anything XLA does. The request is the attribute that TensorFlow 1 named `experimental_jit_scope`: it holds for one graph,
 * where TensorFlow's flags (TF_XLA_FLAGS) would hold for the process and be read before a worker knows its run.
 */
import { LockstepError, type Tf } from '@lockstep/shared';
import { type NodeBackend, nodeBackendOf } from './tfjs-node.ts';
import type { GraphNode } from './graph-def.ts';

/** The graph with everything but its inputs given to XLA. Operations that XLA does not know run between its parts, as before. */
export function withXla<T extends { readonly nodes: readonly GraphNode[] }>(graph: T): T {
  const marked = graph.nodes.map((node) =>
    node.op === 'Placeholder' ? node : { ...node, attr: { ...node.attr, _XlaCompile: { b: true } } },
  );
  return { ...graph, nodes: marked };
}

/** An unknown flag in XLA_FLAGS ends the process, and those of `setXlaFlags` are newer than TensorFlow 2.9, which tfjs-node downloads. */
const oldestTensorflow = [2, 15] as const;

/**
 * Throws LockstepError 'backend-unavailable' when the TensorFlow under `tf` is too old or was built without XLA, which it would not report
 * itself.
 */
export function requireXla(tf: Tf): void {
  const backend = nodeBackendOf(tf);
  const found = backend.binding.TF_Version;
  const problem = isOlder(found, oldestTensorflow) ? `is ${found}, older than ${oldestTensorflow.join('.')}` : 'was built without XLA';
  if (!isOlder(found, oldestTensorflow) && hasOp(backend, '_XlaCompile')) return;
  throw new LockstepError(
    'backend-unavailable',
    `The run uses --execution xla, and the TensorFlow of this worker ${problem}: run npx --no -- lockstep-native on its machine, or start a run without --execution xla.`,
  );
}

export function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [foundMajor = 0, foundMinor = 0] = version.split('.').map(Number);
  return foundMajor < major || (foundMajor === major && foundMinor < minor);
}

/** TensorFlow reads XLA_FLAGS when XLA first compiles: before that, flags can still be added to those that the user set. */
export function setXlaFlags(flags: readonly string[]): void {
  const given = (process.env['XLA_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
  if (flags.length > 0) process.env['XLA_FLAGS'] = [...new Set([...given, ...flags])].join(' ');
}

/** An op without its inputs never runs; the error says whether it exists. */
export function hasOp({ binding }: NodeBackend, name: string): boolean {
  try {
    binding.executeOp(name, [], [], 1);
    return true;
  } catch (error) {
    return !/not registered|nor a name of a function registered/.test(String(error));
  }
}
