/** A program outlives its standard output and error: a reader that has gone, a full disk or a closed terminal costs only the output. */
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Call it once, before anything is written. */
export function outliveOutput(): void {
  // Without a listener, an error of a stream ends the process.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  // As it exits, Node restores the settings of its terminals; Node 20 crashes if one has closed meanwhile. It leaves other files alone.
  process.once('exit', () => {
    for (const descriptor of terminals.filter((each) => !isatty(each))) {
      closeSync(descriptor);
      // The lowest free number is the one just closed.
      openSync('/dev/null', 'r+');
    }
  });
}
