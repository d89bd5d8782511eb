/** What a program or a recipe imports from @lockstep/coordinator. The `coordinator` program itself is `main.ts`. */
export type {
  Apply,
  DataSpec,
  ErrorCode,
  GenerateContext,
  InputSpec,
  LayersModel,
  NumberSpec,
  OptimizerSpec,
  Phase,
  PhaseContext,
  PhaseResult,
  RealSpec,
  Recipe,
  Scalar,
  Tensor,
  Tf,
} from '@lockstep/shared';
export { defineRecipe, LockstepError } from '@lockstep/shared';
export type { StepLine } from './reporting/recorder.ts';
export type { Training, TrainingResult, TrainOptions } from './train.ts';
export { train } from './train.ts';
