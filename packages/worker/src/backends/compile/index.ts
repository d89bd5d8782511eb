/**
 * Compiled phases: a phase's loss and gradients as one TensorFlow graph, run by one call instead of some two hundred.
 *
 * Responsible for: `compilePhase`: when to trace, the two traces on different inputs, and one session per set of shapes.
 * Not responsible for: how a trace is made (`trace.ts`), compared (`compare.ts`) and run (`session.ts`), or what an eager phase does.
 */
import type { Tensor, Tf } from '@lockstep/shared';
import type { PhaseFunction, PhaseInputs, PhaseOutputs } from '../backend.ts';
import { requireEqual } from './compare.ts';
import type { Session } from './session.ts';
import { openSession } from './session.ts';
import { nodeBackendOf } from './tfjs-node.ts';
import type { Graph } from './trace.ts';
import { trace } from './trace.ts';
import { withXla } from './xla.ts';

/** A run has at most two shard sizes; more only when tests or tools try others. The least recently used one is removed. */
const maximumSessions = 4;

interface Traced {
  readonly graph: Graph;
  readonly metricNames: readonly string[];
}

interface Compiled {
  readonly session: Session;
  readonly metricNames: readonly string[];
}

/**
 * The phase as one graph call. The first call at each set of shapes runs `eager` twice to trace it.
 * `backendTf` must run on tfjs-node. The result throws LockstepError, on its first call at a shape:
 * 'numerics-mismatch' for hidden randomness, 'recipe-invalid' for control flow on data and for what TensorFlow cannot compile.
 */
export function compilePhase(backendTf: Tf, eager: PhaseFunction, options: { readonly xla?: boolean } = {}): PhaseFunction {
  const backend = nodeBackendOf(backendTf);
  const compiled = new Map<string, Compiled>();

  /** `scale` and `offset` make other values of the same shapes, and tensors that share no memory with one another. */
  const traceOnce = (given: PhaseInputs, scale: number, offset: number): Traced => {
    let traced: Traced | undefined;
    backendTf.tidy(() => {
      const inputs = changed(backendTf, given, scale, offset);
      let metricNames: string[] = [];
      const graph = trace(backend, listed(inputs), () => {
        const { gradient, loss, metrics } = eager(inputs);
        metricNames = Object.keys(metrics);
        return [gradient, loss, ...metricNames.map((name) => metrics[name]!)];
      });
      traced = { graph, metricNames };
    });
    return traced!;
  };

  const build = (inputs: PhaseInputs): Compiled => {
    const first = traceOnce(inputs, 1, 0);
    requireEqual(first.graph, traceOnce(inputs, 0.5, 0.125).graph);
    return { session: openSession(backend, options.xla === true ? withXla(first.graph) : first.graph), metricNames: first.metricNames };
  };

  return (inputs) => {
    const key = shapesOf(inputs);
    const entry = compiled.get(key) ?? build(inputs);
    // Last used is last in the map.
    compiled.delete(key);
    compiled.set(key, entry);
    if (compiled.size > maximumSessions) {
      const [oldest, { session }] = compiled.entries().next().value!;
      session.close();
      compiled.delete(oldest);
    }
    return outputs(entry, entry.session.run(listed(inputs)));
  };
}

function outputs({ metricNames }: Compiled, [gradient, loss, ...metrics]: readonly Tensor[]): PhaseOutputs {
  return { gradient: gradient!, loss: loss!, metrics: Object.fromEntries(metricNames.map((name, index) => [name, metrics[index]!])) };
}

/** Every tensor, networks and inputs sorted by name: the order of the keys must not matter. */
function named({ weights, inputs }: PhaseInputs): [string, Tensor][] {
  const networks = Object.keys(weights).toSorted();
  return [
    ...networks.flatMap((network) => weights[network]!.map((tensor, index): [string, Tensor] => [`${network}/${index}`, tensor])),
    ...Object.keys(inputs)
      .toSorted()
      .map((input): [string, Tensor] => [input, inputs[input]!]),
  ];
}

function listed(inputs: PhaseInputs): Tensor[] {
  return named(inputs).map(([, tensor]) => tensor);
}

function shapesOf(inputs: PhaseInputs): string {
  return named(inputs)
    .map(([name, { dtype, shape }]) => `${name}:${dtype}[${shape.join(',')}]`)
    .join(' ');
}

function changed(tf: Tf, { weights, inputs }: PhaseInputs, scale: number, offset: number): PhaseInputs {
  const change = (tensor: Tensor): Tensor => (tensor.dtype === 'float32' ? tf.add(tf.mul(tensor, scale), offset) : tensor);
  return {
    weights: Object.fromEntries(Object.entries(weights).map(([network, tensors]) => [network, tensors.map(change)])),
    inputs: Object.fromEntries(Object.entries(inputs).map(([input, tensor]) => [input, change(tensor)])),
  };
}
