/** What can go wrong in a world. Every fault that lasts ends by itself, so that the run can end, too. */
import { workerTimeoutMs } from './coordinator.ts';
import { usualDiskMs } from './disk.ts';
import { usualDelayMs } from './network.ts';
import { startHead, startPlace } from './supervisor.ts';
import { examine, type Patient, type Place, type World } from './world.ts';

type Fault = (world: World) => void;

const second = 1000;
/** ZeroMQ's heartbeat finds a silent peer within this time. */
const heartbeatMs = 6 * second;

const ofPlaces: Readonly<Record<string, (world: World, place: Place) => void>> = {
  kill: (world, place) => kill(world, place, 0),
  /** The host is gone: nobody closes the connection. */
  vanish: (world, place) => kill(world, place, heartbeatMs),
  stop: (_, place) => place.stop('asked to stop'),
  /** Its code is stuck; ZeroMQ's own thread still answers. */
  stick: (world, place) => freeze(world, place, false),
  /** As SIGSTOP: heartbeats stop, too. */
  suspend: (world, place) => freeze(world, place, true),
  twin,
  lie,
  cut: (world, place) => place.process !== undefined && world.network.cut(place.process.name),
  silence,
  delay: (world, place) =>
    forAWhile(world, place, 'delay', {
      begin: () => (place.link.delayMs = world.random.pick([50, 1000, 10 * second])),
      end: () => (place.link.delayMs = usualDelayMs),
    }),
  repeat,
  slow: (world, place) =>
    forAWhile(world, place, 'slow', {
      begin: () => (place.slowness = world.random.pick([10, 300, 3000])),
      end: () => (place.slowness = 1),
    }),
};

const ofHead: Readonly<Record<string, Fault>> = {
  'kill the coordinator': killHead,
  'stop the coordinator': ({ head }) => head.runtime?.stop('asked to stop'),
  'freeze the coordinator': (world) => freeze(world, world.head, false),
  'delay what reaches the coordinator': (world) =>
    forAWhile(world, world.head, 'delay', {
      begin: () => (world.network.delayMs = world.random.pick([50, 1000, 10 * second])),
      end: () => (world.network.delayMs = usualDelayMs),
    }),
};

/** A disk is no excuse for training to stop. */
const ofDisk: Readonly<Record<string, Fault>> = {
  'fail the disk': (world) => {
    world.disk.failure = world.random.pick(['ENOSPC', 'EIO']);
    world.clock.after(duration(world), () => (world.disk.failure = undefined));
  },
  'slow the disk': (world) => {
    world.disk.delayMs = world.random.pick([500, 20 * second]);
    world.clock.after(duration(world), () => (world.disk.delayMs = usualDiskMs));
  },
};

/** An old WORK that comes again takes the place of the one that its worker computes, which is then let go after the time-out. */
function repeat(world: World, place: Place): void {
  const repeatsMs = duration(world);
  forAWhile(world, place, 'repeat', {
    begin() {
      place.link.repeatPercent = world.random.pick([10, 50]);
      world.clock.after(repeatsMs, () => (place.link.repeatPercent = 0));
    },
    end() {},
    durationMs: repeatsMs + workerTimeoutMs,
  });
}

/** One at a time: that two make the same mistake is more than an audit can notice. */
function lie(world: World, place: Place): void {
  const { random, settings } = world;
  const isNaN = !world.hadNaN && (settings.auditRate < 1 || random.chance(30));
  if ((settings.auditRate < 1 && !isNaN) || world.places.some(({ troubles }) => troubles.has('lie'))) return;
  world.hadNaN ||= isNaN;
  forAWhile(world, place, 'lie', {
    begin: () => (place.lie = isNaN ? { bit: 'NaN', isOnce: true } : { bit: random.below(1000), isOnce: random.chance(50) }),
    end: () => (place.lie = undefined),
  });
}

export function scheduleFaults(world: World): void {
  const { random, clock, trace } = world;
  let left = random.pick([0, 2, 6, 12]);
  const next = (): void => {
    const gapMs = random.below(random.pick([300, 3 * second, 60 * second]));
    clock.after(gapMs, () => {
      if (world.isOver || left === 0) return;
      left -= 1;
      world.faults += 1;
      const [name, fault] = drawFault(world);
      trace.note(`fault: ${name}`);
      fault(world);
      next();
    });
  };
  next();
}

function drawFault(world: World): [string, Fault] {
  const { random } = world;
  const table = random.pick([ofPlaces, ofPlaces, ofPlaces, ofHead, ofDisk]);
  const name = random.pick(Object.keys(table));
  if (table !== ofPlaces) return [name, table[name] as Fault];
  const place = random.pick(world.places);
  return [`${name} ${place.name}`, () => ofPlaces[name]!(world, place)];
}

/** Most faults are short; some outlast time-outs. */
function duration({ random }: World): number {
  return random.below(random.pick([second, 10 * second, 10 * second, 100 * second, 400 * second, 900 * second]));
}

function forAWhile(
  world: World,
  patient: Patient,
  kind: string,
  { begin, end, durationMs = duration(world) }: { readonly begin: () => void; readonly end: () => void; readonly durationMs?: number },
): void {
  if (patient.troubles.has(kind)) return;
  patient.troubles.add(kind);
  begin();
  examine(world, patient);
  world.clock.after(durationMs, () => {
    patient.troubles.delete(kind);
    end();
    examine(world, patient);
  });
}

/** `noticedMs`: when the network learns of it. */
function kill(world: World, place: Place, noticedMs: number): void {
  const { process } = place;
  if (process === undefined) return;
  forAWhile(world, place, 'dead', {
    begin() {
      process.kill();
      world.working.delete(process);
      place.process = undefined;
      world.clock.after(noticedMs, () => world.network.cut(process.name));
    },
    end: () => void (place.process === undefined && !world.isOver && startPlace(world, place)),
  });
}

function freeze(world: World, patient: Patient, isNoticed: boolean): void {
  const { process } = patient;
  if (process === undefined || process.isFrozen()) return;
  forAWhile(world, patient, 'frozen', {
    begin() {
      process.freeze();
      if (isNoticed) world.clock.after(heartbeatMs, () => void (process.isFrozen() && world.network.cut(process.name)));
    },
    end: process.thaw,
  });
}

/** A supervisor takes a stuck worker for dead and starts another of its name; then the first wakes up. */
function twin(world: World, place: Place): void {
  const { process } = place;
  if (process === undefined || process.isFrozen() || place.troubles.has('twin')) return;
  place.troubles.add('twin');
  process.freeze();
  if (world.random.chance(50)) world.clock.after(heartbeatMs, () => world.network.cut(process.name));
  world.clock.after(duration(world), process.thaw);
  startPlace(world, place);
}

/** What is sent is lost. The heartbeat ends the connection, and what is tried meanwhile comes to nothing. */
function silence(world: World, place: Place): void {
  const cut = (): void => void (place.process !== undefined && world.network.cut(place.process.name));
  forAWhile(world, place, 'silent', {
    begin() {
      place.link.silent = true;
      world.clock.after(heartbeatMs, () => void (place.link.silent && cut()));
    },
    end() {
      place.link.silent = false;
      cut();
    },
    durationMs: heartbeatMs / 2 + duration(world),
  });
}

function killHead(world: World): void {
  const { head, network } = world;
  const { process } = head;
  if (process === undefined) return;
  forAWhile(world, head, 'dead', {
    begin() {
      process.kill();
      Object.assign(head, { process: undefined, runtime: undefined });
      network.crash();
    },
    end: () => void (head.process === undefined && !world.isOver && startHead(world)),
  });
}
