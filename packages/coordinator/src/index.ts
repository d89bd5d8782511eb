/** What a program or a recipe imports from @lockstep/coordinator. The `coordinator` program itself is `main.ts`. */
export type {
  AdamSpec,
  Apply,
  ErrorCode,
  GenerateContext,
  InputSpec,
  LayersModel,
  OptimizerSpec,
  Phase,
  PhaseContext,
  PhaseResult,
  RealSpec,
  Recipe,
  Scalar,
  SgdSpec,
  Tensor,
  Tf,
} from '@lockstep/shared';
export { defineRecipe, LockstepError } from '@lockstep/shared';
