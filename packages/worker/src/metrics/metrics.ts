/**
 * The metrics of a worker's own process: where its time goes, whether it is connected, its GPUs, and Node's own.
 *
 * Not responsible for: serving them (`server.ts`).
 */
import { addProcessMetrics, createInstruments, type Instruments, onScrape, protocolVersion, version } from '@lockstep/shared';
import { Registry } from 'prom-client';
import { type GpuReading, NoDriver, readGpus } from './gpus.ts';
import { type LoopPart, loopParts, metricTable, tasks } from './table.ts';

/** What a worker tells of itself while it works. */
export interface Observer {
  connected(isConnected: boolean): void;
  /** Time that has just been spent; what lies between is idle. */
  spent(part: Exclude<LoopPart, 'idle'>, seconds: number): void;
  answered(task: (typeof tasks)[number]): void;
}

/** For a worker whose metrics nobody reads. */
export const noObserver: Observer = { connected() {}, spent() {}, answered() {} };

export interface MetricsOptions {
  readonly backend: string;
  readonly device: string;
  /** The driver is asked for them; undefined where the backend uses none. */
  readonly gpuEnvironment: Readonly<Record<string, string | undefined>> | undefined;
  /** A monotonic clock. */
  readonly nowMs: () => number;
}

export interface Metrics extends Observer {
  readonly registry: Registry;
}

/** GPUs are asked when somebody scrapes, and not more often. */
export const gpusEveryMs = 5000;

export function createMetrics({ backend, device, gpuEnvironment, nowMs }: MetricsOptions): Metrics {
  const registry = new Registry();
  const instruments = createInstruments(metricTable, registry, { networks: [], phases: [] });
  addProcessMetrics(registry);
  instruments.processInfo.set({ version, protocol: protocolVersion, backend, device }, 1);
  if (gpuEnvironment !== undefined) askGpusBefore(registry, instruments, gpuEnvironment, nowMs);
  return { registry, ...observe(registry, instruments, nowMs) };
}

/** Between scrapes only plain numbers change, several times for each WORK. */
function observe(registry: Registry, { loopTime, results, connected }: Instruments<typeof metricTable>, nowMs: () => number): Observer {
  const told = {
    connected: false,
    seconds: { load: 0, compute: 0, serialise: 0, send: 0, idle: 0 },
    answers: { gradient: 0, generate: 0 },
  };
  let lastMs: number | undefined;
  onScrape(registry, () => {
    connected.set(told.connected ? 1 : 0);
    // A counter can only be added to.
    for (const counter of [loopTime, results]) counter.reset();
    for (const part of loopParts) loopTime.inc({ part }, told.seconds[part]);
    for (const task of tasks) results.inc({ task }, told.answers[task]);
  });
  return {
    connected: (isConnected) => void (told.connected = isConnected),
    answered: (task) => void (told.answers[task] += 1),
    spent(part, seconds) {
      const now = nowMs();
      told.seconds[part] += seconds;
      // The first WORK has nothing before it that would be worth telling: the worker was started, or looked for a coordinator.
      if (lastMs !== undefined) told.seconds.idle += Math.max(0, (now - lastMs) / 1000 - seconds);
      lastMs = now;
    },
  };
}

/** Figures of the scrape before, of at most a few seconds ago: no scrape waits for a driver. */
function askGpusBefore(
  registry: Registry,
  instruments: Instruments<typeof metricTable>,
  environment: Readonly<Record<string, string | undefined>>,
  nowMs: () => number,
): void {
  let askedMs = -Infinity;
  const ask = async (): Promise<void> => {
    try {
      setGpus(instruments, await readGpus(environment));
    } catch (error) {
      setGpus(instruments, []); // absent, rather than what once was
      if (error instanceof NoDriver) askedMs = Infinity;
    }
  };
  onScrape(registry, () => {
    if (nowMs() - askedMs < gpusEveryMs) return;
    askedMs = nowMs();
    void ask();
  });
}

function setGpus(instruments: Instruments<typeof metricTable>, readings: readonly GpuReading[]): void {
  const { gpuInfo, gpuUtilization, gpuMemoryUsed, gpuMemorySize, gpuTemperature } = instruments;
  for (const gauge of [gpuInfo, gpuUtilization, gpuMemoryUsed, gpuMemorySize, gpuTemperature]) gauge.reset();
  for (const { uuid: gpu, name, ...reading } of readings) {
    gpuInfo.set({ gpu, name }, 1);
    const figures = [
      [gpuUtilization, reading.utilization],
      [gpuMemoryUsed, reading.memoryUsedBytes],
      [gpuMemorySize, reading.memorySizeBytes],
      [gpuTemperature, reading.temperatureCelsius],
    ] as const;
    for (const [gauge, figure] of figures) if (figure !== undefined) gauge.set({ gpu }, figure);
  }
}
