/**
 * What an optimizer is: one network's weights, their update in place, and a state that a checkpoint can hold without knowing the optimizer.
 *
 * Responsible for: the interface, saving and restoring. Not responsible for: the arithmetic (`update-rules.ts`),
 * finiteness and the scale that clips, which come before (`gradient.ts`), or files (`checkpoint/`).
 *
 * Bits: every arithmetic operation is rounded to float32, in the order that each update rule gives; the kernels that carry it out
 * keep that order. Resuming from a saved state gives the bits of a run that never stopped.
 */
import { LockstepError } from '@lockstep/shared';
import type { OptimizerKind, OptimizerSpec } from '@lockstep/shared';
import { scheduleFactor } from './schedule.ts';

/** All that an optimizer remembers between updates. Names are part of the checkpoint format. */
export interface OptimizerState {
  /** Flats as long as the weights. */
  readonly slots: Readonly<Record<string, Float32Array>>;
  /** Each is a float32 value. */
  readonly scalars: Readonly<Record<string, number>>;
}

export interface Optimizer {
  readonly kind: OptimizerKind;
  /** The network's flat, where kernels can update it: changed in place by `apply`, never another array. To keep its values, take a copy. */
  readonly weights: Float32Array;
  /** The moving average of the weights, if the recipe asks for one (`average.ts`): changed in place by `apply`. */
  readonly average?: Float32Array;
  /**
   * Updates `weights` along `gradient`, each element times `scale` (a float32 number, rounded after the product; default 1), at the rate
   * that the schedule has after `step` completed steps (default 0); leaves `gradient` as it is. Throws (a programmer's error) if it is not
   * as long as the weights.
   *
   * An update may be made in parts, elements [start, end) of all, which begin where the one before ended (a multiple of `partLength`).
   * The part that reaches the end completes it. The bits are those of an update made at once.
   */
  apply(gradient: Float32Array, options?: { readonly scale?: number; readonly step?: number } & Partial<Range>): void;
  /** As it is now. The slots are those that `apply` changes: to write them to disk while training goes on, take copies. */
  state(): OptimizerState;
  /** Copies a saved state in. Throws `resume-invalid`, and changes nothing, if it is not a state of this optimizer at this length. */
  restore(state: OptimizerState): void;
}

/** State that `apply` updates; the arrays stay the same objects. */
export interface WorkingState {
  readonly slots: Readonly<Record<string, Float32Array>>;
  readonly scalars: Record<string, number>;
}

/** Elements from `start` to before `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** `rate`: the learning rate of this step, in float64. */
export type Update = (gradient: Float32Array, scale: number, rate: number, range: Range) => void;

/** Builds an optimizer from its weights and first state (taken over, not copied) and its update of both. */
export function optimizerFrom(
  { kind, learningRate, schedule }: Pick<OptimizerSpec, 'kind' | 'learningRate' | 'schedule'>,
  weights: Float32Array,
  state: WorkingState,
  update: Update,
): Optimizer {
  return {
    kind,
    weights,
    apply(gradient, { scale = 1, step = 0, start = 0, end = weights.length } = {}) {
      const rate = schedule === undefined ? learningRate : learningRate * scheduleFactor(schedule, step);
      update(gradient, scale, rate, { start, end });
    },
    state: () => ({ slots: state.slots, scalars: { ...state.scalars } }),
    restore(saved) {
      checkState(kind, state, saved);
      for (const [name, flat] of Object.entries(state.slots)) flat.set(saved.slots[name]!);
      Object.assign(state.scalars, saved.scalars);
    },
  };
}

export function refuseState(kind: string, what: string): never {
  throw new LockstepError(
    'resume-invalid',
    `The checkpoint's optimizer state is not a state of this run's "${kind}": ${what}. Resume with the run's own recipe, or start a new run.`,
  );
}

function checkState(kind: string, own: WorkingState, saved: OptimizerState): void {
  const refuse = (what: string): never => refuseState(kind, what);
  const names = (record: Readonly<Record<string, unknown>>): string => Object.keys(record).toSorted().join(', ') || 'none';
  if (names(own.slots) !== names(saved.slots)) refuse(`it holds the slots ${names(saved.slots)}, expected ${names(own.slots)}`);
  if (names(own.scalars) !== names(saved.scalars)) refuse(`it holds the scalars ${names(saved.scalars)}, expected ${names(own.scalars)}`);
  for (const [name, flat] of Object.entries(own.slots)) {
    const length = saved.slots[name]!.length;
    if (length !== flat.length) refuse(`slot "${name}" has ${length} elements, expected ${flat.length}`);
  }
  for (const [name, value] of Object.entries(saved.scalars)) {
    if (!Number.isFinite(value) || Math.fround(value) !== value) refuse(`scalar "${name}" is ${value}, not a float32 number`);
  }
}
