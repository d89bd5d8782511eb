/**
 * The `coordinator` program: options, locks, servers, local workers, signals, exit code. Wires everything; decides nothing about training.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createLog, inlineCarrier, listen, LockstepError, type Log, runProgram, stopSignals, version } from '@lockstep/shared';
import { createCheckpointWriter } from './checkpoint-writer.ts';
import { type CheckpointStore, openCheckpointStore } from './checkpoint/store.ts';
import { parseCommandLine } from './cli.ts';
import { leavesHost, resolveOptions } from './config.ts';
import { describe } from './core/describe.ts';
import type { Plan } from './core/plan.ts';
import { readyWorkers } from './core/state.ts';
import { startOfRun } from './core/cursor.ts';
import { createIdStream } from './data/stream.ts';
import { startHttpServer } from './http/server.ts';
import { createJournal, emptyStep } from './journal.ts';
import { gpusFor, planLocalWorkers, reachableLocally } from './local-workers.ts';
import { acquireLock } from './lock.ts';
import { createMetrics } from './metrics.ts';
import { createModel } from './model.ts';
import type { Options } from './options.ts';
import { prepare } from './prepare.ts';
import { createProgress, isInteractive } from './progress.ts';
import { startLocalWorkers } from './spawn.ts';
import { startRuntime } from './runtime.ts';
