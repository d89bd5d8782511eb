/**
 * A ZeroMQ connection in the middle of which faults can be made to whole messages: lost, repeated, late, out of order, damaged.
 *
 * It is a server to one worker and a client of the coordinator, under the worker's own peer id. When one of its two connections is lost, the
 * other one is ended, too, once, so that each side learns of the other as if they were connected directly.
 */
import {
  type ClientTransport,
  connect,
  decode,
  encode,
  type Frames,
  listen,
  type Message,
  toCoordinator,
  toWorker,
} from '@lockstep/shared';
import type { Direction } from '../e2e/proxy.ts';

export type MessageType = Message['type'];

/** What can be done to a message. `send` passes one on; the message itself is lost unless it is sent. */
export type Mangle = (frames: Frames, send: (frames: Frames) => void) => void;

export interface FrameRule {
  readonly type: MessageType;
  /** The first message of this type that it is for, counted from 1, and to how many it happens. */
  readonly nth: number;
  readonly times: number;
  readonly mangle: Mangle;
  /** How often it has happened. */
  done: number;
}

export interface FrameLink {
  readonly endpoint: string;
  readonly rules: FrameRule[];
  /** Told when the worker's connection must end, since the coordinator's has. */
  hangUp: () => void;
  close(): Promise<void>;
}

const lingerMs = 300;
const schemas = { up: toCoordinator, down: toWorker } as const;

/** `hidesMemory`: neither side learns that the other has shared memory, as if they were on two hosts. */
export async function openFrameLink(coordinator: string, { hidesMemory }: { readonly hidesMemory: boolean }): Promise<FrameLink> {
  const server = await listen('tcp://127.0.0.1:0');
  let client: ClientTransport | undefined;
  /** The worker does not know yet that the coordinator is lost: what it sends reaches nobody. */
  let hangingUp: NodeJS.Timeout | undefined;
  let isClosed = false;
  const link: FrameLink = {
    endpoint: server.endpoint,
    rules: [],
    hangUp() {},
    async close() {
      isClosed = true;
      clearTimeout(hangingUp);
      await Promise.all([client?.close(0), server.close(0)]);
    },
  };
  const mangle = createMangler(link.rules, hidesMemory);
  const leave = (): void => {
    // What has come from one side has still to reach the other: a LEAVE, a BYE.
    void client?.close(lingerMs);
    client = undefined;
  };
  const lostCoordinator = (): void => {
    leave();
    hangingUp ??= setTimeout(() => {
      hangingUp = undefined;
      link.hangUp();
    }, lingerMs);
  };
  server.serve({
    message(peer, frames) {
      if (isClosed || hangingUp !== undefined) return;
      client ??= connect(coordinator, peer, {
        up() {},
        message: (answer) => mangle('down', answer, (mangled) => server.send(peer, mangled)),
        down: lostCoordinator,
      });
      const { send } = client;
      mangle('up', frames, send);
    },
    // The worker says HELLO over its next connection.
    down: leave,
  });
  return link;
}

/** Does to a message what the first rule for it says. */
function createMangler(rules: readonly FrameRule[], hidesMemory: boolean) {
  const seen = new Map<MessageType, number>();
  return (direction: Direction, frames: Frames, send: (frames: Frames) => void): void => {
    const decoded = decode<Message>(schemas[direction], frames);
    if (!decoded.ok) return send(frames);
    const { message } = decoded;
    if (message.type === 'hello' && hidesMemory) {
      const { region: _, ...hello } = message;
      return send(encode(hello));
    }
    const { type } = message;
    const number = (seen.get(type) ?? 0) + 1;
    seen.set(type, number);
    const rule = rules.find((each) => each.type === type && number >= each.nth && each.done < each.times);
    if (rule === undefined) return send(frames);
    rule.done += 1;
    rule.mangle(frames, send);
  };
}
