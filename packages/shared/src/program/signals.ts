/** Ctrl-C and SIGTERM: the first asks to stop in order, the second ends the process at once. */
import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves with a reason at the first signal. At the second the process exits with 128 + its number, as shells report it. */
export function stopSignals(log: { warn(sentence: string): void }): Promise<string> {
  return new Promise((resolve) => {
    let stopping = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (stopping) process.exit(128 + constants.signals[signal]);
        stopping = true;
        log.warn(`${signal} received: stopping; once more ends at once.`);
        resolve(`stopped by ${signal}`);
      });
    }
  });
}
