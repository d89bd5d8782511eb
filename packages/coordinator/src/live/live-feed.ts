/**
 * Sends runs to open pages as server-sent events: everything once, then what is new, once a second. With no page open it does nothing.
 *
 * Responsible for: clients and their bounds. Not responsible for: what is told (`run-view.ts`), or requests (`http/`).
 */
import type { ServerResponse } from 'node:http';
import type { RunMessage, RunParts } from './messages.ts';
import type { RunView } from './run-view.ts';

export interface LiveFeed {
  /** Takes over an answer whose headers are set. False, and nothing done: too many pages are open already. */
  connect(response: ServerResponse): boolean;
  /** Tells all pages how it ended, and lets them go. Resolves when they have it, or have had time enough. */
  end(): Promise<void>;
}

const maximumClients = 16;
const tellEveryMs = 1_000;
/** Comments show a client that the connection lives. */
const heartbeatEveryMs = 15_000;
/** Bytes that may wait for a slow client. It is cut off then, comes back by itself, and begins with everything. */
const maximumWaitingBytes = 4 * 1024 * 1024;
const farewellMs = 1_000;

export function createLiveFeed(runs: readonly RunView[], warn: (sentence: string) => void): LiveFeed {
  /** Those that have asked, and those of them that were told everything. */
  const clients = new Set<ServerResponse>();
  const welcomed = new Set<ServerResponse>();
  const read = createReader(runs, warn);
  let timer: NodeJS.Timeout | undefined;
  let toldMs = 0;
  let isTelling = false;

  function tell(): void {
    const text = runs.map((run, index) => messageOf(index, runs.length, run.news())).join('');
    if (text === '' && performance.now() - toldMs < heartbeatEveryMs) return;
    toldMs = performance.now();
    for (const client of welcomed) send(client, text === '' ? ': still here\n\n' : text);
  }
  /** A disk that is slower than the timer is not asked again before it has answered. */
  async function readAndTell(): Promise<void> {
    if (isTelling) return;
    isTelling = true;
    await read(tell);
    isTelling = false;
  }
  function welcome(client: ServerResponse): void {
    if (!clients.has(client)) return;
    welcomed.add(client);
    send(client, runs.map((run, index) => messageOf(index, runs.length, run.all())).join(''));
  }
  function gone(client: ServerResponse): void {
    clients.delete(client);
    welcomed.delete(client);
    if (clients.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    connect(response) {
      if (clients.size >= maximumClients) return false;
      clients.add(response);
      response.on('close', () => gone(response)).on('error', () => gone(response));
      void read(() => welcome(response));
      timer ??= setInterval(() => void readAndTell(), tellEveryMs);
      return true;
    },
    async end() {
      if (clients.size === 0) return;
      await read(tell);
      const left = [...clients].map((client) => new Promise<void>((resolve) => client.end(resolve)));
      let overdue: NodeJS.Timeout | undefined;
      await Promise.race([Promise.all(left), new Promise((resolve) => (overdue = setTimeout(resolve, farewellMs)))]);
      clearTimeout(overdue);
    },
  };
}

/** Reads what is new and then does `work`; one after the other. A disk that fails is told once, and tried again the next time. */
function createReader(runs: readonly RunView[], warn: (sentence: string) => void): (work: () => void) => Promise<void> {
  let hasWarned = false;
  let working: Promise<void> = Promise.resolve();
  const refreshed = async (work: () => void): Promise<void> => {
    try {
      for (const run of runs) await run.refresh();
      work();
    } catch (error) {
      if (!hasWarned) warn(`the live page cannot read the run: ${error instanceof Error ? error.message : String(error)}`);
      hasWarned = true;
    }
  };
  return (work) => (working = working.then(() => refreshed(work)));
}

function messageOf(run: number, count: number, parts: Partial<RunParts>): string {
  if (Object.keys(parts).length === 0) return '';
  return `data: ${JSON.stringify({ run, count, ...parts } satisfies RunMessage)}\n\n`;
}

function send(client: ServerResponse, text: string): void {
  if (client.writableLength > maximumWaitingBytes) client.destroy();
  else client.write(text);
}
