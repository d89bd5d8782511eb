/** TF.js's own account of a forward convolution: output size, strides and padding in pixels. For the kernels of its gradients. */
import type { Tf } from '@lockstep/shared';
import type { backend_util } from '@tensorflow/tfjs';
import type { Attributes } from './kernel-host.ts';

type Shape4 = [number, number, number, number];

/** `inputShape`: [batch, height, width, in]; `filterShape`: [height, width, in, out]. Gradients of dilated convolutions do not exist in TF.js. */
export function convolutionGeometry(
  tf: Tf,
  inputShape: readonly number[],
  filterShape: readonly number[],
  attributes: Attributes,
): backend_util.Conv2DInfo {
  const { strides, pad, dimRoundingMode } = attributes as { strides: number; pad: number; dimRoundingMode?: 'floor' };
  const dilations = 1;
  return tf.backend_util.computeConv2DInfo([...inputShape] as Shape4, [...filterShape] as Shape4, strides, dilations, pad, dimRoundingMode);
}
