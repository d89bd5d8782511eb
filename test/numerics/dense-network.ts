/**
 * A dense network in float64, forward and backward, in plain TypeScript: what TensorFlow's float32 is compared with.
 *
 * Not responsible for losses (`gan-reference.ts`). Slow and plain on purpose; checked itself by finite differences.
 */

export type Activation = 'linear' | 'tanh' | { readonly slope: number };

/** Layer widths, input first; one activation per layer after it. */
export interface DenseNetwork {
  readonly widths: readonly number[];
  readonly activations: readonly Activation[];
}

/** Everything a backward pass needs: each layer's input, and its output before and after the activation. [rows * width], row-major. */
export interface Forward {
  readonly inputs: readonly Float64Array[];
  readonly sums: readonly Float64Array[];
  readonly outputs: readonly Float64Array[];
}

export function parameterCount({ widths }: DenseNetwork): number {
  return widths.slice(1).reduce((count, width, layer) => count + (widths[layer]! + 1) * width, 0);
}

function activate(activation: Activation, x: number): number {
  if (activation === 'linear') return x;
  if (activation === 'tanh') return Math.tanh(x);
  return x > 0 ? x : activation.slope * x;
}

function derivative(activation: Activation, x: number): number {
  if (activation === 'linear') return 1;
  if (activation === 'tanh') return 1 - Math.tanh(x) ** 2;
  return x > 0 ? 1 : activation.slope;
}

/** `flat`: for each layer the kernel [inputs, units], row-major, then the bias [units]. */
export function forward(network: DenseNetwork, flat: ArrayLike<number>, input: Float64Array): Forward {
  const rows = input.length / network.widths[0]!;
  const [inputs, sums, outputs]: Float64Array[][] = [[], [], []];
  let current = input;
  let offset = 0;
  network.activations.forEach((activation, layer) => {
    const [from, to] = [network.widths[layer]!, network.widths[layer + 1]!];
    const bias = offset + from * to;
    const sum = new Float64Array(rows * to);
    for (let row = 0; row < rows; row += 1) {
      for (let unit = 0; unit < to; unit += 1) sum[row * to + unit] = flat[bias + unit]!;
      for (let k = 0; k < from; k += 1) {
        const value = current[row * from + k]!;
        for (let unit = 0; unit < to; unit += 1) sum[row * to + unit]! += value * flat[offset + k * to + unit]!;
      }
    }
    inputs!.push(current);
    sums!.push(sum);
    current = sum.map((x) => activate(activation, x));
    outputs!.push(current);
    offset = bias + to;
  });
  return { inputs: inputs!, sums: sums!, outputs: outputs! };
}

/** From d loss / d output: d loss / d flat, and d loss / d input. */
export function backward(
  network: DenseNetwork,
  flat: ArrayLike<number>,
  pass: Forward,
  outputGradient: Float64Array,
): { flat: Float64Array; input: Float64Array } {
  const gradient = new Float64Array(parameterCount(network));
  let end = gradient.length;
  let current = outputGradient;
  for (let layer = network.activations.length - 1; layer >= 0; layer -= 1) {
    const [from, to] = [network.widths[layer]!, network.widths[layer + 1]!];
    const rows = current.length / to;
    const bias = end - to;
    const offset = bias - from * to;
    const input = pass.inputs[layer]!;
    const delta = current.map((value, index) => value * derivative(network.activations[layer]!, pass.sums[layer]![index]!));
    const below = new Float64Array(rows * from);
    for (let row = 0; row < rows; row += 1) {
      for (let unit = 0; unit < to; unit += 1) gradient[bias + unit]! += delta[row * to + unit]!;
      for (let k = 0; k < from; k += 1) {
        let sum = 0;
        for (let unit = 0; unit < to; unit += 1) {
          const each = delta[row * to + unit]!;
          gradient[offset + k * to + unit]! += input[row * from + k]! * each;
          sum += each * flat[offset + k * to + unit]!;
        }
        below[row * from + k] = sum;
      }
    }
    current = below;
    end = offset;
  }
  return { flat: gradient, input: current };
}
