/**
 * Loaded into a program before it starts (`node --import`): writes to the file that LOCKSTEP_HELD_FILE names for how long, at most, its event
 * loop was held between two turns, in milliseconds of processor time. That is the program's own doing, however busy the machine is.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.env.LOCKSTEP_HELD_FILE;
// proc(5): the first number is the time that the main thread has spent on a processor, in nanoseconds.
const processorMs = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
/** Programs are loaded in their first seconds, which is not what is measured. */
const sinceMs = performance.now() + 3000;
let longestMs = 0;
let startMs = processorMs();

const look = () => {
  const heldMs = processorMs() - startMs;
  if (heldMs > longestMs && performance.now() > sinceMs) writeFileSync(file, String((longestMs = heldMs)));
  startMs = processorMs();
  setTimeout(look, 0).unref();
};
look();
