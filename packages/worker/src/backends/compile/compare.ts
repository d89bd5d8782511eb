/**
 * Two traces of one phase, on different inputs, must be the same graph: otherwise the graph would fix what should change.
 *
 * Responsible for: finding the first difference and naming its cause in a sentence. Not responsible for: making the traces.
 */
import { LockstepError } from '@lockstep/shared';
import type { GraphNode } from './graph-def.ts';
import { encodeSavedModel } from './graph-def.ts';
import type { Graph } from './trace.ts';

/**
 * Throws LockstepError 'numerics-mismatch' when only the values of constants differ (randomness or state of its own), 'recipe-invalid'
 * when the operations do (control flow on data or state).
 */
export function requireEqual(first: Graph, second: Graph): void {
  const length = Math.max(first.nodes.length, second.nodes.length);
  for (let index = 0; index < length; index += 1) {
    const [left, right] = [first.nodes[index], second.nodes[index]];
    if (left && right && sameNode(left, right)) continue;
    if (left?.op === 'Const' && right?.op === 'Const') throw hiddenValue();
    throw changingOperations(left, right);
  }
}

function sameNode(left: GraphNode, right: GraphNode): boolean {
  return Buffer.compare(encodeSavedModel([left]), encodeSavedModel([right])) === 0;
}

function hiddenValue(): LockstepError {
  return new LockstepError(
    'numerics-mismatch',
    "A loss uses a number that changes from call to call without being an input: it draws random numbers itself (tf.random*, Math.random) or keeps state; declare randomness in the recipe's inputs.",
  );
}

function changingOperations(left: GraphNode | undefined, right: GraphNode | undefined): LockstepError {
  const names = `${left?.op ?? 'nothing'} in one call and ${right?.op ?? 'nothing'} in the next`;
  return new LockstepError(
    'recipe-invalid',
    `A loss does not run the same operations every time (${names}), so it cannot be compiled; make its control flow independent of data and of earlier calls, or run with --execution eager.`,
  );
}
