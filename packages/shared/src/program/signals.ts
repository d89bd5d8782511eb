/**
 * Ctrl-C and SIGTERM: the first asks to stop in order, the second ends the process at once. SIGHUP, which a terminal sends when it closes,
 * ends nothing. Node undoes `nohup`, so there is no way to know whether it was used.
 */
import { constants } from 'node:os';
import type { Log } from './log.ts';

const signals = ['SIGINT', 'SIGTERM'] as const;

/** Resolves with a reason at the first signal. At the second the process exits with 128 + its number, as shells report it. */
export function stopSignals(log: Pick<Log, 'info' | 'warn'>): Promise<string> {
  process.on('SIGHUP', () => log.info('SIGHUP received and ignored: closing the terminal does not stop this process. SIGTERM does.'));
  return new Promise((resolve) => {
    let stopping = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (stopping) process.exit(128 + constants.signals[signal]);
        stopping = true;
        log.warn(`${signal} received: stopping. A second signal ends this process at once.`);
        resolve(`stopped by ${signal}`);
      });
    }
  });
}
