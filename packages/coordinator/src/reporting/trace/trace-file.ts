/**
 * A trace in the JSON array format of Chrome's trace viewer, which Perfetto reads too: spans on lanes. An array need not be closed there,
 * so that the file of a killed run can be read.
 *
 * Not responsible for: what happened when (`trace.ts`), or the disk (`disk/expendable-file.ts`).
 */
import type { Clock, Log } from '@lockstep/shared';
import { createExpendableFile } from '../../disk/expendable-file.ts';

/** `process` and `thread` are how the viewers order lanes: a process is a group of them. */
export interface Lane {
  readonly process: number;
  readonly thread: number;
}

export type Arguments = Readonly<Record<string, unknown>>;

export interface TraceFile {
  /** Times are the coordinator's, in milliseconds. */
  span(lane: Lane, name: string, startMs: number, endMs: number, args?: Arguments): void;
  instant(lane: Lane, name: string, atMs: number, args?: Arguments): void;
  /** Names a group, and each of its lanes, in order. */
  group(process: number, name: string, threads: readonly string[]): void;
  close(): Promise<void>;
}

export interface TraceFileOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly maximumBytes: number;
}

export function createTraceFile(path: string, { clock, log, maximumBytes }: TraceFileOptions): TraceFile {
  const originMs = clock.nowMs();
  const startedAt = new Date().toISOString();
  const lost = (reason: string): void =>
    log.warn(`Some of the trace is lost, and training goes on: ${path} cannot be written (${reason}).`);
  const first = { name: 'trace-started', ph: 'i', s: 'g', ts: 0, pid: 1, tid: 1, args: { startedAt } };
  const file = createExpendableFile(path, { clock, beginning: () => Buffer.from(`[\n${JSON.stringify(first)}`), lost });
  let bytes = 0;
  let isFull = false;

  const microseconds = (ms: number): number => Math.round((ms - originMs) * 1000);
  function write(event: object): void {
    if (isFull) return;
    const line = Buffer.from(`,\n${JSON.stringify(event)}`);
    bytes += line.length;
    isFull = bytes > maximumBytes;
    if (!isFull) return file.append(line);
    const full = { name: 'trace-full', ph: 'i', s: 'g', ts: microseconds(clock.nowMs()), pid: 1, tid: 1 };
    file.append(Buffer.from(`,\n${JSON.stringify(full)}`));
    log.warn(`The trace is full (${maximumBytes} bytes) and ends here; training goes on: ${path}`);
  }
  return {
    span({ process, thread }, name, startMs, endMs, args) {
      // Ends are rounded, not durations: spans then nest as the times do.
      const ts = microseconds(startMs);
      write({ name, ph: 'X', ts, dur: Math.max(0, microseconds(endMs) - ts), pid: process, tid: thread, args });
    },
    instant({ process, thread }, name, atMs, args) {
      write({ name, ph: 'i', s: 'p', ts: microseconds(atMs), pid: process, tid: thread, args });
    },
    group(process, name, threads) {
      write({ name: 'process_name', ph: 'M', pid: process, args: { name } });
      write({ name: 'process_sort_index', ph: 'M', pid: process, args: { sort_index: process } });
      for (const [index, thread] of threads.entries())
        write({ name: 'thread_name', ph: 'M', pid: process, tid: index + 1, args: { name: thread } });
    },
    async close() {
      file.append(Buffer.from('\n]\n'));
      await file.close();
    },
  };
}
