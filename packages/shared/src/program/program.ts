/**
 * What both programs do around `main`: one sentence and a stable exit code for a user's mistake, a stack only for ours, and no end when
 * nobody reads the output.
 *
 * Not responsible for: flags, or what the program does.
 */
import { errorTable, LockstepError } from '../errors.ts';
import { outliveOutput } from './output.ts';

/** The exit code of a bug in Lockstep. */
export const internalErrorExitCode = 1;

/** Runs a program to its exit code. Never throws. `record` is given the text of an error too, for a log that outlives the terminal. */
export async function runProgram(name: string, main: () => Promise<number>, record: (text: string) => void = () => {}): Promise<number> {
  outliveOutput();
  const say = (text: string): void => {
    process.stderr.write(text);
    record(text);
  };
  try {
    return await main();
  } catch (error) {
    if (error instanceof LockstepError) {
      say(`${name}: ${error.message}\n`);
      return errorTable[error.code].exitCode;
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(`${name}: this is a bug in Lockstep; please report it with the lines below.\n${detail}\n`);
    return internalErrorExitCode;
  }
}
