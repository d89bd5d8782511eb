/** The public surface of @lockstep/shared: explicit names only. */
export type { BackendChoice, BackendName, BackendOn, BackendTraits } from './backends.ts';
export { autoBackends, autoGpuBackend, backendChoices, backendNames, backendsWhere, backendTable, runsOn } from './backends.ts';
export type { Carrier, KeyedFlat } from './carrier/carrier.ts';
export { carrierBetween } from './carrier/choose.ts';
export { inlineCarrier } from './carrier/inline.ts';
export type { CarrierChoice, CarrierName, Payload } from './carrier/payload.ts';
export { carrierChoices, carrierNames, carrierWords } from './carrier/payload.ts';
export type { RegionOffer, RegionReader, RegionWriter } from './carrier/shared-memory.ts';
export { createRegion, openRegion } from './carrier/shared-memory.ts';
export { createShmCarrier } from './carrier/shm.ts';
export type { Clock, Timer } from './clock.ts';
export { systemClock } from './clock.ts';
export type { ErrorCode, ErrorEntry } from './errors.ts';
export type { Execution } from './execution.ts';
export { executions } from './execution.ts';
export { nonfinitePolicies, type NonfinitePolicy } from './nonfinite.ts';
export { errorTable, isErrorCode, LockstepError } from './errors.ts';
export { createArena } from './kernels/arena.ts';
export type { Update as ResidentUpdate } from './kernels/resident.ts';
export { createResidentFlats } from './kernels/resident.ts';
export { squaredNorm, squaredNormInParts } from './kernels/scratch.ts';
export { hostAndPort, listenHttp, reachableAddress } from './http/listen.ts';
export type { RateLimit } from './http/rate-limit.ts';
export { createRateLimit } from './http/rate-limit.ts';
export { createMetricsText, renderEveryMs, scrapesPerSecond } from './metrics/text.ts';
export type { LabelValues, MetricDeclaration, MetricTable } from './metrics/declaration.ts';
export type { Instruments, RecipeNames } from './metrics/instruments.ts';
export { createInstruments } from './metrics/instruments.ts';
export { onScrape } from './metrics/on-scrape.ts';
export { addProcessMetrics } from './metrics/process.ts';
export { parseCommandLine } from './program/command-line.ts';
export type { Duration, Given, OptionSpec, OptionTable, ValuesOf } from './program/option-table.ts';
export {
  address,
  checkGiven,
  choice,
  defaultsOf,
  durationMs,
  flagOf,
  interval,
  matching,
  real,
  seconds,
  text,
  texts,
  truth,
  whole,
} from './program/option-table.ts';
export type { Log, LogDestination, LogLevel } from './program/log.ts';
export { bothLogs, createLog, logLevels } from './program/log.ts';
export { decode, encode, manifestsBytes, maximumManifestsBytes } from './protocol/codec.ts';
export type { Gpu } from './gpus.ts';
export { chooseGpu, describeGpus, DriverError, gpuEnvironment, noGpuEnvironment, visibleGpus } from './gpus.ts';
export { internalErrorExitCode, runProgram } from './program/program.ts';
export type {
  Body,
  Fence,
  Hello,
  Message,
  Ready,
  Result,
  RunSettings,
  ShardOutcome,
  ToCoordinator,
  ToWorker,
  Welcome,
  Work,
  WorkTimes,
} from './protocol/messages.ts';
export { protocolVersion, splitFence, toCoordinator, toWorker } from './protocol/messages.ts';
export type {
  Apply,
  DataSpec,
  GenerateContext,
  InputSpec,
  LayersModel,
  NumberSpec,
  Phase,
  PhaseContext,
  PhaseResult,
  RealSpec,
  Recipe,
  Scalar,
  Tensor,
  Tf,
} from './recipe/recipe.ts';
export { defineRecipe, gridColumns, gridPictures, repetitions, stepName, updatedNetworks } from './recipe/recipe.ts';
export type { DataInput, DataType, SampleBlock } from './recipe/data-inputs.ts';
export { dataInputs, dataInputsOf, dataTypes, pictureInput, realName, sampleBlocks, sampleBytes } from './recipe/data-inputs.ts';
export type { LoadedRecipe } from './recipe/recipe-file.ts';
export { loadBuiltInRecipe, loadRecipe } from './recipe/recipe-file.ts';
export type { OptimizerKind, OptimizerSpec, Schedule } from './recipe/optimizers.ts';
export { checkRecipe, maximumNetworks } from './recipe/recipe-rules.ts';
export { builtInRecipe, recipeNames } from './recipe/built-in/index.ts';
export { inputRows, permutation, sequence, streams, uniform } from './rng.ts';
export { type Stop, stopSignals } from './program/signals.ts';
export type { Failure } from './program/spawned.ts';
export { failureOf, tellParent } from './program/spawned.ts';
export type { Parts } from './parts.ts';
export { atOnce, copyInParts, inParts, partLength, ready, withPauses } from './parts.ts';
export { sha256, sha256InPieces } from './sha256.ts';
export { elementCount } from './shape.ts';
export { shardSizes, shardStarts } from './shards.ts';
export type { FlatPool } from './tensor/flat-pool.ts';
export { createFlatPool } from './tensor/flat-pool.ts';
export { freeFlat } from './tensor/free.ts';
export { initialFlat, initialFlatInParts } from './tensor/initial-weights.ts';
export type { ElementInitializer, Initializer, Layout, Manifest, Manifests, Parameter, StateParameter } from './tensor/manifest.ts';
export { answerLength, manifestFault } from './tensor/manifest.ts';
export { sumInParts, sumInto } from './tensor/sum.ts';
export { canBeOrthogonal } from './tensor/orthogonal.ts';
export { manifestSchema, maximumParameters } from './tensor/manifest-schema.ts';
export type { TreeNode } from './tensor/tree.ts';
export { childrenOf, cover, isNode, nodeKey, rootOf, shardsUnder } from './tensor/tree.ts';
export type { ClientEvents, ClientTransport, Frames, PeerId, Pieces, ServerEvents, ServerTransport } from './transport/transport.ts';
export type { MemoryNetwork } from './transport/memory.ts';
export { createMemoryNetwork } from './transport/memory.ts';
export { cut, framesOf, join, pieceBytes } from './transport/pieces.ts';
export { connect, listen } from './transport/zmq.ts';
export { version } from './version.ts';
