/** A program for `signals.test.ts`: products of matrices on native TensorFlow, with a signal handler like a worker's. Prints how often it ran. */
import { loadBuilt } from './tensorflow.ts';

const tf = await loadBuilt();
let signals = 0;
process.on('SIGWINCH', () => (signals += 1));

const products = 500;
const [left, right] = [0, 1].map((start) =>
  tf.tensor2d(
    Float32Array.from({ length: 512 * 512 }, (_, index) => Math.sin(start + index)),
    [512, 512],
  ),
);
for (let product = 0; product < products; product += 1) {
  const result = tf.matMul(left!, right!, product % 2 === 0, product % 4 < 2);
  result.dataSync();
  result.dispose();
  // Handlers run between two turns.
  await new Promise(setImmediate);
}
console.log(`${signals} signals`);
process.exit(0);
