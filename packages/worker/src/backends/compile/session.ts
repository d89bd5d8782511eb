/**
 * Runs a graph as one call of TensorFlow, through tfjs-node's addon.
 *
 * Responsible for: handing the graph over, feeding and fetching, and freeing the session.
 * Not responsible for: making the graph (`trace.ts`).
 *
 * The addon loads graphs from folders only. The folder lies in TensorFlow's own in-memory file system (`ram://`), so nothing touches
 * the disk, and nothing is left behind however the process ends.
 */
import type { Tensor } from '@lockstep/shared';
import { LockstepError, sha256 } from '@lockstep/shared';
import { encodeSavedModel, graphTag } from './graph-def.ts';
import type { NodeBackend } from './tfjs-node.ts';
import type { Graph } from './trace.ts';

export interface Session {
  /** `inputs` as they were traced: same order, shapes and types. Returns new tensors, in the order of the graph's outputs. */
  run(inputs: readonly Tensor[]): Tensor[];
  close(): void;
}

/**
 * Graphs handed over so far, by hash. TensorFlow's memory keeps a file until the process ends, and appends when it is written again, so
 * every different graph has a folder of its own (tens of kilobytes), which an equal graph uses again.
 */
const written = new Set<string>();

/** Throws LockstepError 'recipe-invalid' if TensorFlow rejects the graph. */
export function openSession(backend: NodeBackend, graph: Graph): Session {
  const { binding } = backend;
  const id = load(backend, graph);
  const used = graph.inputs.flatMap((name, index) => (name === undefined ? [] : [{ name, index }]));
  const inputNames = used.map(({ name }) => `${name}:0`).join(',');
  const outputNames = graph.outputs.map((name) => `${name}:0`).join(',');
  return {
    run(inputs) {
      const ids = backend.getInputTensorIds(used.map(({ index }) => inputs[index]!));
      return binding.runSavedModel(id, ids, inputNames, outputNames).map((description) => backend.createOutputTensor(description));
    },
    close: () => binding.deleteSavedModel(id),
  };
}

function load(backend: NodeBackend, graph: Graph): number {
  const bytes = encodeSavedModel(graph.nodes);
  const hash = sha256(bytes);
  const directory = `ram://lockstep/${hash}`;
  if (!written.has(hash)) writeFile(backend, `${directory}/saved_model.pb`, bytes);
  written.add(hash);
  try {
    return backend.binding.loadSavedModel(directory, graphTag);
  } catch (cause) {
    const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/^Failed to load SavedModel: /, '').split('\n')[0]!;
    throw new LockstepError(
      'recipe-invalid',
      `TensorFlow cannot compile this phase (${reason.slice(0, 200)}); run with --execution eager.`,
      {
        cause,
      },
    );
  }
}

/** TensorFlow's op WriteFile, which makes missing folders. */
function writeFile({ binding }: NodeBackend, path: string, content: Uint8Array): void {
  const ids = [new TextEncoder().encode(path), content].map((bytes) => binding.createTensor([], binding.TF_STRING, [bytes]));
  try {
    binding.executeOp('WriteFile', [], ids, 0);
  } finally {
    for (const id of ids) binding.deleteTensor(id);
  }
}
