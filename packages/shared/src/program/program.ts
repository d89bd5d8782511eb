/**
 * What both programs do around `main`: one sentence and a stable exit code for a user's mistake, a stack only for ours.
 *
 * Not responsible for: flags, or what the program does.
 */
import { errorTable, LockstepError } from '../errors.ts';

/** The exit code of an error of ours. */
export const internalErrorExitCode = 1;

/** Runs a program to its exit code. Never throws. */
export async function runProgram(name: string, main: () => Promise<number>): Promise<number> {
  try {
    return await main();
  } catch (error) {
    if (error instanceof LockstepError) {
      process.stderr.write(`${name}: ${error.message}\n`);
      return errorTable[error.code].exitCode;
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${name}: this is a bug in Lockstep; please report it with the lines below.\n${detail}\n`);
    return internalErrorExitCode;
  }
}
