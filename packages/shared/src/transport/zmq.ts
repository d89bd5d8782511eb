/**
 * ROUTER (coordinator) and DEALER (worker) over ZeroMQ: tcp:// and ipc://.
 *
 * Responsible for: socket options, one writer per socket, and telling when a peer went away.
 * Not responsible for: the meaning of frames, reconnect policy above ZeroMQ's own, or locks on endpoints (`coordinator/src/disk/lock.ts`).
 *
 * Why the options are not the defaults: by default ZeroMQ queues a thousand messages, waits for ever at exit and never
 * notices a silent peer; a ROUTER without `handover` goes deaf to a repeated identity.
 */
import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { Dealer, Router, version } from 'zeromq';
import { LockstepError } from '../errors.ts';
import { cut, pieceBytes } from './pieces.ts';
import type { ClientEvents, ClientTransport, Frames, PeerId, ServerEvents, ServerTransport } from './transport.ts';

/**
 * ZMQ_DISCONNECT_MSG (libzmq 4.3.5, zmq_setsockopt): the ROUTER receives this frame from a peer whose connection went away, after everything
 * else that peer sent. A draft option, present in every prebuilt zeromq.js; without it a killed worker could only be found by time-out.
 */
const disconnectMessageOption = 111;
const disconnectMessage = 'down';

const commonOptions = {
  // Per worker, at most one WORK and its RESULT are under way, plus a handful of small messages.
  sendHighWaterMark: 16,
  receiveHighWaterMark: 16,
  // ZeroMQ's name for the size of a frame: of a piece, here.
  maxMessageSize: pieceBytes,
  linger: 1000,
  // Answered by ZeroMQ's own thread, so a worker deep in a computation stays alive and a frozen or unplugged one does not. Every frame
  // that arrives counts as an answer: a slow link is not a dead one.
  heartbeatInterval: 1000,
  heartbeatTimeout: 5000,
  heartbeatTimeToLive: 6000,
} as const;

export async function listen(endpoint: string): Promise<ServerTransport> {
  requireVersion();
  const router = new Router({ ...commonOptions, ipv6: isIPv6(endpoint), mandatory: true, handover: true, sendTimeout: 0 });
  setDisconnectMessage(router);
  try {
    await router.bind(endpoint.replace(/:0$/, ':*'));
  } catch (error) {
    router.close();
    throw bindError(endpoint, error);
  }
  let events: ServerEvents | undefined;
  let receiving: Promise<void> | undefined;
  const outbox = createOutbox<{ peer: PeerId; frames: Frames }>(
    ({ peer, frames }) => router.send([peer, ...cut(frames)] as Buffer[]),
    // EHOSTUNREACH: gone. EAGAIN: its queue is full although it owes us an answer. Either way, such a peer is no longer usable.
    ({ peer }) => events?.down(peer),
  );
  return {
    endpoint: router.lastEndpoint ?? endpoint,
    serve: (served) => {
      events = served;
      receiving = deliver(router, served);
    },
    send: (peer, frames) => outbox.put({ peer, frames }),
    close: async (lingerMs) => {
      if (router.closed) return;
      router.linger = lingerMs;
      await outbox.drain();
      const bound = router.lastEndpoint;
      router.close();
      await receiving;
      await removeSocketFile(bound);
    },
  };
}

async function deliver(router: Router, events: ServerEvents): Promise<void> {
  for await (const [peer, ...pieces] of router) {
    const id = peer!.toString('latin1');
    if (pieces.length === 1 && pieces[0]!.toString('latin1') === disconnectMessage) events.down(id);
    else events.message(id, pieces);
  }
}

export function connect(endpoint: string, identity: PeerId, events: ClientEvents): ClientTransport {
  requireVersion();
  const dealer = new Dealer({
    ...commonOptions,
    ipv6: isIPv6(endpoint),
    routingId: identity,
    reconnectInterval: spread(100),
    reconnectMaxInterval: spread(2000),
    handshakeInterval: 5000,
    sendTimeout: 0,
  });
  const outbox = createOutbox<Frames>(
    (frames) => dealer.send(cut(frames) as Buffer[]),
    // A full or missing pipe: the coordinator is gone, and the next handshake starts over with HELLO.
    () => events.down(),
  );
  const watching = (async () => {
    for await (const event of dealer.events) {
      if (event.type === 'handshake') events.up();
      else if (event.type === 'disconnect') events.down();
    }
  })();
  try {
    dealer.connect(endpoint);
  } catch (error) {
    dealer.close();
    throw new LockstepError(
      'address-invalid',
      `Cannot connect to '${endpoint}': ${reasonOf(error)}. Give --connect tcp://HOST:PORT or ipc://PATH.`,
    );
  }
  const receiving = (async () => {
    for await (const pieces of dealer) events.message(pieces);
  })();
  return {
    send: (frames) => outbox.put(frames),
    close: async (lingerMs) => {
      if (dealer.closed) return;
      dealer.linger = lingerMs;
      await outbox.drain();
      dealer.close();
      await Promise.all([receiving, watching]);
    },
  };
}

/** Half to one and a half of it: ZeroMQ doubles one up to the other, so workers that lost a coordinator together come back one by one. */
function spread(intervalMs: number): number {
  return randomInt(intervalMs / 2, intervalMs * 1.5);
}

/** Only then: a socket that speaks both takes names for IPv6 first, and calls 127.0.0.1 by another name. */
function isIPv6(endpoint: string): boolean {
  return endpoint.startsWith('tcp://[');
}

/** ZeroMQ makes the file of ipc://PATH when it binds, and leaves it there. An abstract address (ipc://@NAME) has none. */
async function removeSocketFile(endpoint: string | null): Promise<void> {
  const path = /^ipc:\/\/([^@].*)$/.exec(endpoint ?? '')?.[1];
  if (path !== undefined) await rm(path, { force: true }).catch(() => {});
}

/** ZeroMQ allows one pending send per socket: a queue with one writer. Bounded by the protocol, which never has two WORKs unanswered. */
function createOutbox<T>(send: (item: T) => Promise<void>, failed: (item: T) => void): { put(item: T): void; drain(): Promise<void> } {
  const queue: T[] = [];
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await send(item);
      } catch {
        failed(item);
      }
    }
    writing = undefined;
  };
  return {
    put(item) {
      queue.push(item);
      writing ??= write();
    },
    drain: async () => {
      await writing;
    },
  };
}

function setDisconnectMessage(router: Router): void {
  // zeromq.js types only released options; `setStringOption` is how it sets every other one.
  const socket = router as unknown as { setStringOption(option: number, value: string): void };
  try {
    socket.setStringOption(disconnectMessageOption, disconnectMessage);
  } catch (error) {
    throw new Error(`This build of zeromq lacks ZMQ_DISCONNECT_MSG; install the prebuilt zeromq of package-lock.json.`, { cause: error });
  }
}

function requireVersion(): void {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  if (major * 10000 + minor * 100 + patch < 40305) {
    throw new LockstepError('backend-unavailable', `libzmq ${version} is too old: 4.3.5 or later is needed. Reinstall with npm ci.`);
  }
}

function bindError(endpoint: string, error: unknown): LockstepError {
  const code = (error as { code?: string }).code;
  if (code === 'EADDRINUSE') {
    return new LockstepError(
      'address-in-use',
      `'${endpoint}' is in use by another process. Stop it, or choose another address with --bind.`,
    );
  }
  return new LockstepError(
    'address-invalid',
    `Cannot bind '${endpoint}': ${reasonOf(error)}. Give --bind tcp://ADDRESS:PORT or ipc://PATH.`,
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
