/**
 * Puts a run's runtime together: what it writes, what it trains, and the workers it serves.
 *
 * Not responsible for: where the parts come from. A session gives real files, sockets and time; the simulator gives its own.
 */
import { atOnce, type Clock, freeFlat, type Log, type Manifests, type Recipe, type ServerTransport, version } from '@lockstep/shared';
import type { Checkpoint } from './checkpoint/checkpoint.ts';
import type { CheckpointStore } from './checkpoint/store.ts';
import { type CheckpointWriter, createCheckpointWriter } from './checkpoint/writer.ts';
import type { Plan } from './core/plan.ts';
import type { Start } from './core/state.ts';
import type { Batches } from './data/batches.ts';
import type { DatasetInfo } from './data/dataset.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { Progress } from './reporting/progress.ts';
import { createRecorder, type Recorder, type RecorderOptions } from './reporting/recorder.ts';
import type { RunSink } from './reporting/sink.ts';
import type { Trace } from './reporting/trace/trace.ts';
import { manifestsOf } from './run/prepare.ts';
import type { RunDirectory } from './run/run-directory.ts';
import { type Runtime, type RuntimeOptions, startRuntime } from './runtime.ts';
import { createModel } from './training/model.ts';
import type { Carriers } from './wire/carriers.ts';

export interface Parts {
  readonly plan: Plan;
  readonly start: Start;
  readonly recipe: Recipe;
  /** Replaces the recipe's. */
  readonly learningRate: number | undefined;
  readonly dataset: DatasetInfo;
  /** Those of the round where the run starts are there. */
  readonly batches: Batches;
  /** Where the run continues; undefined at the beginning. */
  readonly checkpoint: Checkpoint | undefined;
  readonly directory: RunDirectory;
  readonly store: CheckpointStore;
  readonly transport: ServerTransport;
  readonly carriers: Carriers;
  /** Called with the backend and fingerprint of the run, as soon as they are known. */
  readonly computesWith: RecorderOptions['computesWith'];
  readonly metrics: Metrics;
  readonly progress: Progress;
  readonly sinks: readonly RunSink[];
  readonly trace?: Trace | undefined;
  readonly live?: RecorderOptions['live'];
  readonly log: Log;
  readonly onStep?: RecorderOptions['onStep'];
  readonly participants?: RuntimeOptions['participants'];
  readonly clock: Clock;
}

export interface Served {
  readonly runtime: Runtime;
  readonly recorder: Recorder;
  readonly checkpoints: CheckpointWriter;
}

export function serve(parts: Parts): Served {
  const { plan, recipe, dataset, checkpoint, clock } = parts;
  const checkpoints = createCheckpoints(parts, () => runtime.checkpointSettled());
  const identity = { lockstepVersion: version, run: plan.run, datasetSha256: dataset.sha256 };
  const recorder = createRecorder({ ...parts, checkpoints, resumed: checkpoint, identity });
  const modelOf = (manifests: Manifests) => createModel(recipe, manifests, plan.run.seed, parts.learningRate, checkpoint?.networks);
  const restored = checkpoint === undefined ? undefined : atOnce(modelOf(manifestsOf(checkpoint)));
  // As large as the model with its optimizer, and copied by now. The rest of the checkpoint is still of use.
  for (const { weights, optimizer } of checkpoint?.networks ?? []) [weights, ...Object.values(optimizer.slots)].forEach(freeFlat);
  const runtime = startRuntime({
    plan,
    start: parts.start,
    recipe,
    batches: parts.batches,
    transport: parts.transport,
    carriers: parts.carriers,
    restored,
    createModel: modelOf,
    recorder,
    participants: parts.participants,
    trace: parts.trace,
    clock,
  });
  return { runtime, recorder, checkpoints };
}

function createCheckpoints({ directory, store, metrics, log, clock }: Parts, settled: () => void): CheckpointWriter {
  return createCheckpointWriter({
    // A resume needs every line of losses.jsonl up to the checkpoint: lines first.
    write: (value) => directory.flush().then(() => store.write(value)),
    written: ({ path, bytes }, seconds) => {
      metrics.checkpointWritten({ seconds, bytes, atSecondsSince1970: Date.now() / 1000 });
      directory.appendEvent({ event: 'checkpoint', path });
      log.debug(`Checkpoint: ${path}`);
    },
    failed: (error) => {
      metrics.instruments.checkpointFailures.inc();
      log.error(`A checkpoint could not be written; training continues: ${error instanceof Error ? error.message : String(error)}`);
    },
    settled,
    nowMs: clock.nowMs,
  });
}
