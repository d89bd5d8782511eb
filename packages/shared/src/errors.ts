/**
 * Every way in which Lockstep stops because of something outside its code: one table, one class.
 *
 * Responsible for: codes, exit codes, and the class that carries a sentence for a person.
 * Not responsible for: printing (`program/program.ts`), or for programmer errors, which are plain `Error`s and end the process.
 *
 * Exit codes are part of the interface: never reuse a number. docs/errors.md lists them and a test keeps both equal.
 */

export interface ErrorEntry {
  readonly exitCode: number;
  readonly meaning: string;
  /** Starting the same worker again may help, and `--spawn` does. Otherwise the cause is the machine, the recipe or the run. */
  readonly retryable?: true;
}

export const errorTable = {
  usage: { exitCode: 2, meaning: 'a flag is unknown, malformed, or contradicts another' },
  'config-invalid': { exitCode: 3, meaning: 'a config file cannot be read or holds a bad value' },
  'data-invalid': { exitCode: 4, meaning: 'data is missing, truncated, malformed, or not what the recipe reads' },
  'recipe-invalid': { exitCode: 5, meaning: 'a recipe cannot be loaded or breaks a rule of recipes' },
  'address-in-use': { exitCode: 6, meaning: 'the endpoint, the metrics port or the run directory belongs to another process' },
  'address-invalid': { exitCode: 7, meaning: 'an address cannot be parsed, resolved or bound' },
  'run-exists': { exitCode: 8, meaning: 'the run directory holds a run already and --resume was not given' },
  'resume-invalid': { exitCode: 9, meaning: 'there is no valid checkpoint, or a flag contradicts the run being resumed' },
  disk: { exitCode: 10, meaning: 'the run directory cannot be written' },
  'backend-unavailable': { exitCode: 11, meaning: 'the chosen backend cannot be loaded on this machine' },
  'gpu-unavailable': { exitCode: 12, meaning: 'the GPU asked for does not exist or cannot be used' },
  'workers-missing': { exitCode: 13, meaning: 'fewer healthy workers than --min-workers for longer than --join-timeout' },
  'coordinator-unreachable': {
    exitCode: 14,
    meaning: 'no coordinator answered, or none could be given an answer, within --reconnect-timeout',
    retryable: true,
  },
  refused: { exitCode: 15, meaning: 'the coordinator refused this worker' },
  'version-mismatch': { exitCode: 16, meaning: 'coordinator and worker speak different protocol versions' },
  'recipe-mismatch': { exitCode: 17, meaning: 'coordinator and worker hold different recipes' },
  'numerics-mismatch': {
    exitCode: 18,
    meaning: 'a worker computes bits that differ from those of the run, or that change from one call to the next',
  },
  diverged: { exitCode: 19, meaning: 'a gradient or a loss is not finite' },
  'compute-failed': { exitCode: 20, meaning: 'the backend failed while computing', retryable: true },
  stopped: { exitCode: 21, meaning: 'SIGTERM or SIGUSR2 stopped the process in order' },
  'audit-failed': { exitCode: 22, meaning: 'workers compute different gradients for the same shards, and none is left to decide' },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

export type ErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** An error for a person: what is wrong, where, and what to do. Printed without a stack. */
export class LockstepError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = 'LockstepError';
    this.code = code;
  }

  get exitCode(): number {
    return errorTable[this.code].exitCode;
  }
}
