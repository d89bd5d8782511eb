/**
 * Ctrl-C, SIGTERM and SIGUSR2: the first asks to stop in order. A second Ctrl-C or SIGTERM ends the process at once; SIGUSR2, with which
 * schedulers announce a preemption, never does, nor does the SIGTERM that follows it. SIGHUP, which a terminal sends when it closes, ends
 * nothing. Node undoes `nohup`, so that whether it was used cannot be known.
 */
import { constants } from 'node:os';
import type { ErrorCode } from '../errors.ts';
import type { Log } from './log.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGUSR2'] as const;

export interface Stop {
  readonly reason: string;
  /** The code to end with: a scheduler must be able to tell this end from a finished run. A person knows what Ctrl-C did. */
  readonly code?: Extract<ErrorCode, 'stopped'>;
}

/** Resolves at the first signal. At a second one the process exits with 128 + its number, as shells report it. */
export function stopSignals(log: Pick<Log, 'info' | 'warn'>): Promise<Stop> {
  process.on('SIGHUP', () => log.info('SIGHUP received and ignored: closing the terminal does not stop this process. SIGTERM does.'));
  return new Promise((resolve) => {
    let stopping = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (signal === 'SIGUSR2') log.warn('SIGUSR2 received: stopping.');
        else {
          if (stopping) process.exit(128 + constants.signals[signal]);
          stopping = true;
          log.warn(`${signal} received: stopping. A second signal ends this process at once.`);
        }
        resolve({ reason: `stopped by ${signal}`, ...(signal === 'SIGINT' ? {} : { code: 'stopped' }) });
      });
    }
  });
}
