/** The public surface of @lockstep/shared: explicit names only. */
export type { Carrier, CarrierName, KeyedFlat, Packed } from './carrier/carrier.ts';
export { inlineCarrier } from './carrier/inline.ts';
export type { RegionOffer, RegionReader, RegionWriter } from './carrier/shared-memory.ts';
export { createRegion, openRegion } from './carrier/shared-memory.ts';
export { createShmCarrier } from './carrier/shm.ts';
export type { Clock, Timer } from './clock.ts';
export { systemClock } from './clock.ts';
export type { ErrorCode } from './errors.ts';
export type { Execution } from './execution.ts';
export { executions } from './execution.ts';
export { errorCodes, errorTable, isErrorCode, LockstepError } from './errors.ts';
export { createArena } from './kernels/arena.ts';
export type { ResidentFlats } from './kernels/resident.ts';
export { createResidentFlats } from './kernels/resident.ts';
export { squaredNorm } from './kernels/scratch.ts';
export type { Log, LogDestination, LogFields, LogLevel, LogOptions } from './program/log.ts';
export { bothLogs, createLog, logLevels } from './program/log.ts';
export type { Decoded } from './protocol/codec.ts';
export { decode, encode } from './protocol/codec.ts';
export type { Gpu } from './gpus.ts';
export { chooseGpu, describeGpus, DriverError, gpuEnvironment, noGpuEnvironment, visibleGpus } from './gpus.ts';
export { internalErrorExitCode, runProgram } from './program/program.ts';
export type {
  Fence,
  Hello,
  Message,
  Payload,
  Ready,
  Result,
  RunSettings,
  ShardOutcome,
  ToCoordinator,
  ToWorker,
  Welcome,
  Work,
} from './protocol/messages.ts';
export { protocolVersion, toCoordinator, toWorker } from './protocol/messages.ts';
export type {
  AdamSpec,
  Apply,
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
} from './recipe/recipe.ts';
export { defineRecipe, repetitions } from './recipe/recipe.ts';
export type { LoadedRecipe } from './recipe/recipe-file.ts';
export { loadBuiltInRecipe, loadRecipe } from './recipe/recipe-file.ts';
export { checkRecipe } from './recipe/recipe-rules.ts';
export { builtInRecipe, recipeNames } from './recipes/index.ts';
export { inputRows, permutation, sequence, streams, uniform } from './rng.ts';
export { stopSignals } from './program/signals.ts';
export type { Failure } from './program/spawned.ts';
export { failureOf, tellParent } from './program/spawned.ts';
export { shardSizes, shardStarts } from './shards.ts';
export type { FlatPool } from './tensor/flat-pool.ts';
export { createFlatPool } from './tensor/flat-pool.ts';
export { freeFlat } from './tensor/free.ts';
export { initialFlat } from './tensor/initial-weights.ts';
export type { Initializer, Manifest, Manifests, Parameter } from './tensor/manifest.ts';
export { elementCount, manifestFault } from './tensor/manifest.ts';
export { sumInto } from './tensor/sum.ts';
export { manifestSchema } from './tensor/manifest-schema.ts';
export type { TreeNode } from './tensor/tree.ts';
export { childrenOf, cover, isNode, nodesOnLevel, rootOf, shardsUnder } from './tensor/tree.ts';
export type { ClientEvents, ClientTransport, Frames, PeerId, ServerEvents, ServerTransport } from './transport/transport.ts';
export { connect, listen } from './transport/zmq.ts';
export type { NumberBounds } from './program/usage.ts';
export { endpoint, numberWithin, oneOf, usageError } from './program/usage.ts';
export { version } from './version.ts';
