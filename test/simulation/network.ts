/** The memory transport as a bad network: late, silent, repeating itself. Cutting is the transport's own. */
import {
  type ClientEvents,
  type ClientTransport,
  type Clock,
  createMemoryNetwork,
  decode,
  type Frames,
  type MemoryNetwork,
  type PeerId,
  type ServerEvents,
  type ServerTransport,
  toCoordinator,
  toWorker,
} from '@lockstep/shared';
import type { Process } from './clock.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

/** The way between the coordinator and one worker's place, whatever process is there. */
export interface Link {
  /** What is sent either way is lost, and nobody is told. */
  silent: boolean;
  /** At most this long to the worker. */
  delayMs: number;
  /** How often, of a hundred times, one of the last messages is sent once more. */
  repeatPercent: number;
}

export interface SimulatedNetwork extends Pick<MemoryNetwork, 'cut'> {
  /** At most this long to the coordinator. */
  delayMs: number;
  listen(process: Process): Promise<ServerTransport>;
  /** As if the coordinator's process were gone: what is under way is lost, and workers learn of it. */
  crash(): void;
  connect(process: Process, peer: PeerId, link: Link, events: ClientEvents): ClientTransport;
}

export const endpoint = 'memory://coordinator';
export const usualDelayMs = 2;
/** A WORK with weights takes several, so that connections break in the middle of one. */
const pieceBytes = 256;
/** Of one sender: what may come once more. */
const remembered = 12;
/** How much later at most: its receiver may have answered meanwhile, and wait for what comes next. */
const repeatDelayMs = 200;

export function createSimulatedNetwork(random: Random, trace: Trace): SimulatedNetwork {
  const network = createMemoryNetwork(pieceBytes);
  const links = new Map<PeerId, Link>();
  let server: ServerTransport | undefined;
  const linkOf = (peer: PeerId): Link | undefined => links.get(peer.replace(/, replaced \d+$/, ''));
  const late = ({ clock }: Process, delayMs: () => number): Clock => ({
    nowMs: clock.nowMs,
    after: (afterMs, callback) => clock.after(afterMs + random.below(delayMs() + 1), callback),
  });
  /** Sends, and now and then repeats something. */
  const repeating = ({ clock }: Process, send: (frames: Frames) => void): ((link: Link | undefined, frames: Frames) => void) => {
    const recent: Frames[] = [];
    return (link, frames) => {
      recent.push(frames.map((frame) => new Uint8Array(frame)));
      if (recent.length > remembered) recent.shift();
      send(frames);
      if (link === undefined || !random.chance(link.repeatPercent)) return;
      const again = random.pick(recent);
      clock.after(random.below(repeatDelayMs), () => send(again));
    };
  };

  const overhearing = (events: ServerEvents): ServerEvents => ({
    message(peer, frames) {
      if (linkOf(peer)?.silent === true) return;
      trace.note(() => `${peer} -> coordinator: ${describe(toCoordinator, frames)}`, frames[0]!);
      events.message(peer, frames);
    },
    down(peer) {
      trace.note(`the coordinator is told that ${peer} is down`);
      events.down(peer);
    },
  });

  const simulated: SimulatedNetwork = {
    delayMs: usualDelayMs,
    cut: network.cut,
    crash() {
      for (const peer of links.keys()) network.cut(peer);
      void server?.close(0);
    },
    async listen(process) {
      const senders = new Map<PeerId, ReturnType<typeof repeating>>();
      const clock = late(process, () => simulated.delayMs);
      const inner = await network.listen(endpoint, clock);
      server = inner;
      return {
        ...inner,
        serve: (events) => inner.serve(overhearing(events)),
        send(peer, frames) {
          const link = links.get(peer);
          if (link?.silent === true) return;
          const sender = senders.get(peer) ?? repeating(process, (again) => inner.send(peer, again));
          senders.set(peer, sender);
          sender(link, frames);
        },
      };
    },
    connect(process, peer, link, events) {
      links.set(peer, link);
      const heard: ClientEvents = {
        up() {
          trace.note(`${peer} is connected`);
          events.up();
        },
        message(frames) {
          if (link.silent) return;
          trace.note(() => `coordinator -> ${peer}: ${describe(toWorker, frames)}`, frames[0]!);
          events.message(frames);
        },
        down() {
          trace.note(`${peer} is told that its connection is down`);
          events.down();
        },
      };
      const inner = network.connect(
        endpoint,
        peer,
        heard,
        late(process, () => link.delayMs),
      );
      const send = repeating(process, inner.send);
      return {
        ...inner,
        send(frames) {
          if (!link.silent) send(link, frames);
        },
      };
    },
  };
  return simulated;
}

function describe(schema: Parameters<typeof decode>[0], frames: Frames): string {
  const decoded = decode(schema, frames);
  if (!decoded.ok) return decoded.reason;
  const { type, term, round, workId, shards, nodes, sends, reason } = decoded.message as Readonly<Record<string, unknown>>;
  const fields = { term, round, workId, shards, nodes, sends, reason };
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `${String(type).toUpperCase()} ${said.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ')}`;
}
