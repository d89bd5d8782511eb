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

const steps = z.int().min(1).max(1e9);
const warmupSteps = { warmupSteps: steps.optional() };
/** Both from the first step of the run on, so a warm-up is part of them. */
const decay = { ...warmupSteps, steps, to: float32('from 0 to 1', (value) => value >= 0 && value <= 1).optional() };
/**
 * How the learning rate changes over a run: it is multiplied by a factor that depends on the completed steps alone. `warmupSteps`: over so
 * many steps, the factor rises to 1 in a straight line; what follows begins after them.
 */
const scheduleKinds = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), ...warmupSteps }),
  /** In a straight line from 1 to `to` (default 0), which it has from step `steps` on. */
  z.strictObject({ kind: z.literal('linear'), ...decay }),
  /** Along half a cosine (Loshchilov & Hutter 2017, without restarts) from 1 to `to` (default 0), which it has from step `steps` on. */
  z.strictObject({ kind: z.literal('cosine'), ...decay }),
  /** Times `factor` after each `every` steps. */
  z.strictObject({
    kind: z.literal('step'),
    ...warmupSteps,
    every: steps,
    factor: float32('above 0 and at most 1', (value) => value > 0 && value <= 1),
  }),
]);

const schedule = scheduleKinds.refine((value) => !('steps' in value) || (value.warmupSteps ?? 0) < value.steps, {
  path: ['steps'],
  error: 'must be more than warmupSteps, which are part of them',
});

export type Schedule = Readonly<z.infer<typeof schedule>>;

const common = {
  learningRate: positive,
  /** Default: constant. */
  schedule: schedule.optional(),
  /** The L2 norm of the network's gradient is clipped to this first. */
  clipNorm: positive.optional(),
  /** Keeps a moving average of the network's weights, of which an update replaces 1 - decay. Grids are drawn with it, and it is exported. */
  average: z.strictObject({ decay: fraction }).optional(),
  /** Each element of the gradient is clipped to [-clipValue, clipValue] first. Not together with `clipNorm`. */
  clipValue: positive.optional(),
};

const adamSettings = {
  /** Default 0.9. */
  beta1: fraction.optional(),
  /** Default 0.999. */
  beta2: fraction.optional(),
  /** Default 1e-7. With 0, an element whose gradients are all zero would be 0 / 0. */
  epsilon: positive.optional(),
};

const kinds = z.discriminatedUnion('kind', [
  /** Adam as TF.js has it (Kingma & Ba 2015, algorithm 1). */
  z.strictObject({ kind: z.literal('adam'), ...common, ...adamSettings }),
  /** Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2). */
  z.strictObject({
    kind: z.literal('adamw'),
    ...common,
    ...adamSettings,
    /** Default 0.01. In each update, all weights of the network shrink by the rate times this. */
    weightDecay: float32('at least 0', (value) => value >= 0 && value < Infinity).optional(),
  }),
  /** RMSProp (Tieleman & Hinton 2012) as TF.js has it: epsilon inside the square root. */
  z.strictObject({
    kind: z.literal('rmsprop'),
    ...common,
    /** Of the mean square. Default 0.9. */
    decay: fraction.optional(),
    /** Default 0. */
    momentum: fraction.optional(),
    /** Default 1e-7. */
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

export const optimizer = kinds.refine(({ clipNorm, clipValue }) => clipNorm === undefined || clipValue === undefined, {
  path: ['clipValue'],
  error: 'cannot stand beside clipNorm: clip by one of them',
});

export type OptimizerSpec = Readonly<z.infer<typeof optimizer>>;
export type OptimizerKind = OptimizerSpec['kind'];
