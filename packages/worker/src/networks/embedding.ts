/**
 * Embeddings as a product with one-hot rows: TF.js looks rows up by `gather`, whose gradient wasm lacks, which cannot be compiled, and
 * which adds in no stated order on GPUs. An index that there is not gives zeros.
 */
import type { Tensor, Tf } from '@lockstep/shared';
import type { Layer } from './network-rules.ts';

interface Embedding {
  readonly inputDim: number;
  readonly embeddings: { read(): Tensor };
  computeOutputShape(shape: readonly (number | null)[]): number[];
}

/** Does nothing to other layers. */
export function composeEmbedding(tf: Tf, layer: Layer): void {
  if (layer.getClassName() !== 'Embedding') return;
  const { inputDim, embeddings, computeOutputShape } = layer as unknown as Embedding;
  layer.call = (inputs) =>
    tf.tidy(() => {
      const indices = tf.cast(Array.isArray(inputs) ? inputs[0]! : inputs, 'int32');
      const rows = tf.oneHot(tf.reshape(indices, [-1]), inputDim, 1, 0, 'float32');
      return tf.reshape(tf.matMul(rows, embeddings.read()), computeOutputShape.call(layer, indices.shape));
    });
}
