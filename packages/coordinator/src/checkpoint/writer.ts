/**
 * Writes checkpoints during training, one at a time. The core takes none while one is being written, but for the last of a run.
 *
 * A disk that is slower than training therefore costs checkpoints, not memory. A failed write is reported and training continues: the next
 * one tries again, and older checkpoints are untouched. Not responsible for: the format or the store (`checkpoint/`).
 */
import type { Checkpoint } from './checkpoint.ts';
import type { Written } from './store.ts';

export interface CheckpointWriter {
  /** Writes a checkpoint, after the one that is being written. Its flats are never changed again by the caller. */
  write(checkpoint: Checkpoint): void;
  /** Resolves when nothing is being written, with the error of the last write if it failed. */
  settled(): Promise<unknown>;
  /** The same, and writes once more what failed last. Throws if that fails again. */
  retry(): Promise<void>;
}

export interface WriterOptions {
  readonly write: (checkpoint: Checkpoint) => Promise<Written>;
  readonly written: (result: Written, seconds: number) => void;
  readonly failed: (error: unknown) => void;
  /** Called after either. */
  readonly settled: () => void;
  readonly nowMs: () => number;
}

export function createCheckpointWriter({ write, written, failed, settled, nowMs }: WriterOptions): CheckpointWriter {
  let waiting: Checkpoint | undefined;
  let writing: Promise<void> | undefined;
  let unwritten: { readonly checkpoint: Checkpoint; readonly error: unknown } | undefined;

  const writeOne = async (checkpoint: Checkpoint): Promise<void> => {
    const startMs = nowMs();
    // What failed before is older: its memory is given up.
    unwritten = undefined;
    const result = await write(checkpoint).catch((error: unknown) => {
      unwritten = { checkpoint, error };
      throw error;
    });
    written(result, (nowMs() - startMs) / 1000);
  };
  const run = async (): Promise<void> => {
    while (waiting !== undefined) {
      const checkpoint = waiting;
      waiting = undefined;
      try {
        await writeOne(checkpoint);
      } catch (error) {
        failed(error);
      }
      settled();
    }
    writing = undefined;
  };

  return {
    write(checkpoint) {
      waiting = checkpoint;
      writing ??= run();
    },
    settled: async () => {
      await writing;
      return unwritten?.error;
    },
    retry: async () => {
      await writing;
      if (unwritten !== undefined) await writeOne(unwritten.checkpoint);
    },
  };
}
