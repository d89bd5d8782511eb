/**
 * Optimizers by kind: what a recipe may set of each. Its types and its checks come from here.
 *
 * Not responsible for: the arithmetic (coordinator, `training/optimizer/update-rules.ts`).
 */
import { z } from 'zod';

/** Compared after rounding to float32, which is what the arithmetic sees: 1e-50 is 0 there, and 0.99999999 is 1. */
const float32 = (meaning: string, fits: (rounded: number) => boolean): z.ZodNumber =>
  z.number().refine((value) => fits(Math.fround(value)), {
    error: ({ input }) => `must be a float32 number ${meaning}, not '${String(input)}'`,
  });
const positive = float32('above 0', (value) => value > 0 && value < Infinity);
const fraction = float32('at least 0 and below 1', (value) => value >= 0 && value < 1);

const common = {
  learningRate: positive,
  /** The gradient's global L2 norm is clipped to this first. */
  clipNorm: positive.optional(),
  /** Keeps a moving average of the network's weights, of which an update replaces 1 - decay. Grids are drawn with it, and it is exported. */
  average: z.strictObject({ decay: fraction }).optional(),
};

export const optimizer = z.discriminatedUnion('kind', [
  /** Adam as TF.js has it (Kingma & Ba 2015, algorithm 1). */
  z.strictObject({
    kind: z.literal('adam'),
    ...common,
    /** Default 0.9. */
    beta1: fraction.optional(),
    /** Default 0.999. */
    beta2: fraction.optional(),
    /** Default 1e-7. With 0, an element whose gradients are all zero would be 0 / 0. */
    epsilon: positive.optional(),
  }),
  /** Plain gradient descent, with classical momentum when `momentum` is above 0 (velocity = momentum * velocity + gradient). */
  z.strictObject({
    kind: z.literal('sgd'),
    ...common,
    /** Default 0. */
    momentum: fraction.optional(),
  }),
]);

export type OptimizerSpec = Readonly<z.infer<typeof optimizer>>;
export type OptimizerKind = OptimizerSpec['kind'];
