/**
 * A TCP link that misbehaves: between real programs, on 127.0.0.1, without special rights.
 *
 * Responsible for: what can happen to bytes on their way: late, slow, held back, swallowed, changed, repeated, or the connection cut.
 * Not responsible for: whole messages (a proxy of bytes knows no frames), or what a kernel does when nobody answers it: this one's always
 * acknowledges (`cut-link.test.ts` takes a real link away).
 */
import { EventEmitter, once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

/** `up`: from the side that connects to the proxy (a worker) to the target (the coordinator). */
export type Direction = 'up' | 'down';

export interface Faults {
  /** Of each direction, over all connections together. */
  readonly bytesPerSecond?: number;
  /** Added to each direction. */
  readonly delayMs?: number;
  /** Bytes are held back, and arrive once this ends: nothing is lost. */
  readonly frozen?: boolean;
  /** Bytes are read and thrown away, and no connection is closed: a silent cut of everything behind the proxy. */
  readonly swallowing?: boolean;
  /** What arrives instead of these bytes: changed, repeated, shortened. */
  readonly change?: (bytes: Buffer, direction: Direction) => Buffer;
}

export interface Proxy {
  /** Connect here instead of to the target. */
  readonly endpoint: string;
  /** From now on, instead of any faults before; none heals the link. */
  set(faults: Faults): void;
  /** Breaks all connections. With `refusing`, new ones are broken too, until the next call. */
  cut(options?: { readonly refusing?: boolean }): void;
  /** How many connections were made so far. */
  connections(): number;
  /** How many bytes were passed on so far. */
  passedBytes(direction: Direction): number;
}

/** At this rate a bounded part of a chunk is written, so that a slow link trickles. */
const slicesPerSecond = 50;

/** A link to `target`, tcp://HOST:PORT. Gone after the test. */
export async function startProxy(t: TestContext, target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const link = createLink();
  let count = 0;
  let refusing = false;
  const server = createServer((near) => {
    if (refusing) return void near.destroy();
    count += 1;
    const far = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay());
      // Whatever ends one half ends the other: the error itself is the fault that a test wants.
      socket.on('error', () => {});
      socket.once('close', () => [near, far].forEach((half) => sockets.delete(half.destroy())));
    }
    void link.pump(near, far, 'up');
    void link.pump(far, near, 'down');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => sockets.forEach((socket) => socket.resetAndDestroy());
  t.after(async () => {
    link.set({});
    cut();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    endpoint: `tcp://127.0.0.1:${(server.address() as { port: number }).port}`,
    set: link.set,
    cut(options = {}) {
      refusing = options.refusing ?? false;
      cut();
    },
    connections: () => count,
    passedBytes: (direction) => link.passed[direction],
  };
}

function createLink() {
  let faults: Faults = {};
  // One listener for each direction of each connection that is held back.
  const settings = new EventEmitter().setMaxListeners(0);
  const passed = { up: 0, down: 0 };
  /** When the last byte of each direction has passed a slow link. */
  const freeMs = { up: 0, down: 0 };

  const thawed = async (): Promise<void> => {
    while (faults.frozen) await once(settings, 'changed');
  };

  /** Takes its turn on a slow link. */
  const throttled = async (bytes: number, direction: Direction): Promise<void> => {
    if (faults.bytesPerSecond === undefined) return;
    freeMs[direction] = Math.max(performance.now(), freeMs[direction]) + (bytes / faults.bytesPerSecond) * 1000;
    await pause(freeMs[direction] - performance.now());
  };

  /** In order, since timers of one length fire in order; resolves when the next bytes may be read. */
  const passOn = async (bytes: Buffer, to: Socket, direction: Direction): Promise<void> => {
    passed[direction] += bytes.length;
    if (faults.delayMs !== undefined) return void setTimeout(() => to.write(bytes), faults.delayMs);
    if (!to.write(bytes)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
  };

  return {
    passed,
    set(wanted: Faults): void {
      faults = wanted;
      settings.emit('changed');
    },
    async pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
      try {
        for await (const chunk of from as AsyncIterable<Buffer>) {
          await thawed();
          if (faults.swallowing) continue;
          const bytes = faults.change?.(chunk, direction) ?? chunk;
          const slice = Math.ceil((faults.bytesPerSecond ?? Infinity) / slicesPerSecond);
          for (let start = 0; start < bytes.length; start += slice) {
            const part = bytes.subarray(start, Math.min(bytes.length, start + slice));
            await throttled(part.length, direction);
            await passOn(part, to, direction);
          }
        }
        to.end();
      } catch {
        // A broken connection: `close` of the socket breaks the other half.
      }
    },
  };
}
