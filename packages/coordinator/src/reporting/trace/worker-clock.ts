/**
 * How a worker's clock stands to the coordinator's, from the messages that pass between them anyway. Pure.
 *
 * A WORK arrives after it was sent, and a RESULT is sent before it arrives: each exchange bounds the offset from both sides, and the bounds of
 * many exchanges hold together. The middle is taken. So no time that is aligned lies before its cause, however uneven the two ways are.
 */

/** The four times of a WORK and its RESULT: of the coordinator's clock, and of the worker's. */
export interface Exchange {
  readonly workSentMs: number;
  readonly workReceivedMs: number;
  readonly resultSentMs: number;
  readonly resultReceivedMs: number;
}

export interface WorkerClock {
  /** Milliseconds by which the worker's clock is ahead of the coordinator's, as of this exchange. */
  offsetMs(exchange: Exchange): number;
}

/** How far two clocks may drift apart: twice what is usual for quartz. */
const driftRatio = 1e-4;

export function createWorkerClock(): WorkerClock {
  let known = { least: -Infinity, most: Infinity, atMs: 0 };
  return {
    offsetMs({ workSentMs, workReceivedMs, resultSentMs, resultReceivedMs }) {
      const least = resultSentMs - resultReceivedMs;
      const most = workReceivedMs - workSentMs;
      const driftMs = (resultReceivedMs - known.atMs) * driftRatio;
      const both = { least: Math.max(least, known.least - driftMs), most: Math.min(most, known.most + driftMs) };
      // A clock that has jumped since, as after a suspension: what was known says nothing any more.
      known = { ...(both.least <= both.most ? both : { least, most }), atMs: resultReceivedMs };
      return (known.least + known.most) / 2;
    },
  };
}
