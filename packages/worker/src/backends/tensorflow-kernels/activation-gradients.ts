/**
 * Gradients of ReLU, leaky ReLU and tanh as one op each: ReluGrad, LeakyReluGrad, TanhGrad.
 *
 * TF.js composes them, ReLU's from seven ops (Step alone is five). The values are TF.js's, except for the sign of zero, where TF.js
 * multiplies a negative gradient by 0, and the last bit of tanh's gradient.
 *
 * Each op is a kernel with a gradient of its own, so that an activation can be differentiated twice, as gradient penalties need.
 * TF.js has one table of gradients for all backends: on backends other than tfjs-node's these fall back to TF.js's own.
 */
import type { Tensor, Tf } from '@lockstep/shared';
import type { Attribute } from './node-op.ts';
import { backendName, runOp } from './node-op.ts';

/** The op's inputs are dy and x, or y and dy, depending on what TF.js saves for the activation. */
const activations = [
  { kernelName: 'Relu', saved: 'x' },
  { kernelName: 'LeakyRelu', saved: 'x' },
  { kernelName: 'Tanh', saved: 'y' },
] as const;

type Attributes = Parameters<ReturnType<Tf['getGradient']>['gradFunc']>[2];

export function tuneActivationGradients(tf: Tf): void {
  for (const { kernelName, saved } of activations) {
    const op = `${kernelName}Grad`;
    const run = (dy: Tensor, value: Tensor, attributes: Attributes): Tensor => tf.engine().runKernel(op, { dy, value }, attributes);
    tf.registerKernel({
      kernelName: op,
      backendName,
      kernelFunc: ({ inputs, backend, attrs }) => {
        const { dy, value } = inputs;
        return runOp(backend, op, saved === 'x' ? [dy!, value!] : [value!, dy!], alphaOf(attrs));
      },
    });
    tf.registerGradient({
      kernelName: op,
      inputsToSave: ['dy', 'value'],
      gradFunc: (dz, [dy, value], attributes) => ({
        dy: () => run(dz as Tensor, value!, attributes),
        // Of dy * (1 - y^2); the others are constant on either side of 0.
        value: () => (saved === 'y' ? tf.mul(tf.mul(dz as Tensor, dy!), tf.mul(value!, -2)) : tf.zerosLike(value!)),
      }),
    });
    const stock = tf.getGradient(kernelName);
    tf.registerGradient({
      ...stock,
      gradFunc: (dy, values, attributes) =>
        tf.getBackend() === backendName && values[0]!.dtype === 'float32'
          ? { x: () => run(dy as Tensor, values[0]!, attributes) }
          : stock.gradFunc(dy, values, attributes),
    });
  }
}

function alphaOf(attributes: Attributes | undefined): Attribute[] {
  const alpha = attributes?.['alpha'];
  return alpha === undefined ? [] : [{ name: 'alpha', type: 'TF_ATTR_FLOAT', value: alpha as number }];
}
