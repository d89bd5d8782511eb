/**
 * The transport within one process: it behaves as ZeroMQ's does, without sockets or real time.
 *
 * Everything arrives through the receiver's clock, so the owner of the clocks (the simulator) decides when. Frames are copied: peers never
 * share memory. Large ones arrive in pieces, one after another, so that a connection can break between two of them.
 */
import { type Clock, systemClock } from '../clock.ts';
import { LockstepError } from '../errors.ts';
import { cut, pieceBytes } from './pieces.ts';
import type { ClientEvents, ClientTransport, Frames, PeerId, ServerEvents, ServerTransport } from './transport.ts';

export interface MemoryNetwork {
  listen(endpoint: string, clock?: Clock): Promise<ServerTransport>;
  connect(endpoint: string, identity: PeerId, events: ClientEvents, clock?: Clock): ClientTransport;
  /** Breaks this peer's connection, if it has one: frames under way are lost, and both sides learn of it. */
  cut(identity: PeerId): void;
}

interface Connection {
  /** The server's name for it: the identity, until a newer connection takes that name. */
  peer: PeerId;
  readonly toServer: Pipe;
  readonly toClient: Pipe;
  /** Tells both sides, each after what has reached its pipe. */
  end(): void;
}

interface Server extends Pick<ServerTransport, 'serve'> {
  readonly connections: Map<PeerId, Connection>;
  isGone(peer: PeerId): void;
  /** Ends every connection, and reports nothing more about them. */
  close(): void;
  accept(identity: PeerId, toClient: Pipe, clientLost: () => void): Connection;
}

/** Between attempts to connect. */
const reconnectIntervalMs = 100;

/** `size`: of pieces. */
export function createMemoryNetwork(size = pieceBytes): MemoryNetwork {
  const servers = new Map<string, Server>();
  /** Clients that found no server, by endpoint. */
  const waiting = new Map<string, Set<() => void>>();

  return {
    async listen(endpoint, clock = systemClock) {
      if (servers.has(endpoint))
        throw new LockstepError('address-in-use', `'${endpoint}' is in use already. Choose another address with --bind.`);
      const server = createServer(clock, size);
      servers.set(endpoint, server);
      const wake = waiting.get(endpoint) ?? [];
      waiting.delete(endpoint);
      for (const seek of wake) seek();
      return transportOf(endpoint, server, () => servers.get(endpoint) === server && servers.delete(endpoint));
    },

    connect(endpoint, identity, events, clock = systemClock) {
      let connection: Connection | undefined;
      let closed = false;
      const establish = (): void => {
        const server = servers.get(endpoint);
        if (closed) return;
        if (server === undefined) return void entryOf(waiting, endpoint).add(seek);
        const toClient = createPipe(clock, size, events.message);
        toClient.open();
        connection = server.accept(identity, toClient, () => {
          connection = undefined;
          if (closed) return;
          events.down();
          seek();
        });
        events.up();
      };
      const seek = (): void => void clock.after(reconnectIntervalMs, establish);
      clock.after(0, establish);
      return {
        send: (frames) => connection?.toServer.putMessage(frames),
        async close() {
          if (closed) return;
          closed = true;
          waiting.get(endpoint)?.delete(seek);
          connection?.toClient.cut();
          connection?.end();
        },
      };
    },

    cut(identity) {
      for (const { connections } of servers.values()) {
        const connection = connections.get(identity);
        connection?.toServer.cut();
        connection?.toClient.cut();
        connection?.end();
      }
    },
  };
}

/** `release` says whether the address was still this server's, and frees it. */
function transportOf(endpoint: string, server: Server, release: () => boolean): ServerTransport {
  return {
    endpoint,
    serve: server.serve,
    send(peer, frames) {
      const connection = server.connections.get(peer);
      if (connection === undefined) server.isGone(peer);
      else connection.toClient.putMessage(frames);
    },
    async close() {
      if (release()) server.close();
    },
  };
}

function createServer(clock: Clock, size: number): Server {
  const connections = new Map<PeerId, Connection>();
  let replaced = 0;
  let events: ServerEvents | undefined;
  let closed = false;
  const tell = (happened: (events: ServerEvents) => void): void => {
    if (events !== undefined && !closed) happened(events);
  };
  return {
    connections,
    isGone: (peer) => void clock.after(0, () => tell(({ down }) => down(peer))),
    serve(served) {
      events = served;
      for (const { toServer } of connections.values()) toServer.open();
    },
    close() {
      closed = true;
      for (const connection of connections.values()) connection.end();
    },
    accept(identity, toClient, clientLost) {
      const before = connections.get(identity);
      if (before !== undefined) {
        // The newer connection takes the identity at once; whatever still arrives over the older one comes from a name that nobody else
        // has.
        before.peer = `${identity}, replaced ${(replaced += 1)}`;
        before.end();
      }
      const toServer = createPipe(clock, size, (frames) => tell(({ message }) => message(connection.peer, frames)));
      const connection: Connection = {
        peer: identity,
        toServer,
        toClient,
        end() {
          toClient.end(clientLost);
          toServer.end(() => {
            if (connections.get(identity) === connection) connections.delete(identity);
            tell(({ down }) => down(connection.peer));
          });
        },
      };
      connections.set(identity, connection);
      if (events !== undefined) toServer.open();
      return connection;
    },
  };
}

/** One direction of a connection: delivers in the order in which things were put in, through the receiver's clock. */
interface Pipe {
  /** Begins to deliver. */
  open(): void;
  putMessage(frames: Frames): void;
  /** The last delivery, once: nothing can be put in after it. */
  end(deliver: () => void): void;
  /** Drops everything under way except the end of the connection. */
  cut(): void;
}

function createPipe(clock: Clock, size: number, message: (frames: Frames) => void): Pipe {
  const deliveries: (() => void)[] = [];
  let opened = false;
  let ended = false;
  // Whichever timer fires first delivers the first: order does not depend on the clock.
  const schedule = (): void => void clock.after(0, () => deliveries.shift()?.());
  const put = (deliver: () => void): void => {
    if (ended) return;
    deliveries.push(deliver);
    if (opened) schedule();
  };
  return {
    open() {
      opened = true;
      deliveries.forEach(schedule);
    },
    putMessage(frames) {
      const copies = cut(frames.map((frame) => new Uint8Array(frame)));
      // Until the last one is there, nothing has arrived.
      for (let count = cut(frames, size).length; count > 1; count -= 1) put(() => {});
      put(() => message(copies));
    },
    end(deliver) {
      put(deliver);
      ended = true;
    },
    cut: () => void deliveries.splice(0, deliveries.length - (ended ? 1 : 0)),
  };
}

function entryOf<T>(sets: Map<string, Set<T>>, key: string): Set<T> {
  const found = sets.get(key) ?? new Set();
  sets.set(key, found);
  return found;
}
