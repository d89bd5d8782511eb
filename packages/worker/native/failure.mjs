/**
 * The one kind of error that `lockstep-native` shows a person: a sentence.
 *
 * Responsible for: the class, and the sentences for errors of the file system.
 * Not responsible for: printing.
 */

/** What is wrong and what to do about it, in one sentence. Exit code 2: the command line; 1: everything else. */
export class Failure extends Error {
  constructor(sentence, { exitCode = 1, cause } = {}) {
    super(sentence, { cause });
    this.name = 'Failure';
    this.exitCode = exitCode;
  }
}

const fileSentences = {
  ENOSPC: (where) => `The disk is full${where}; free some space and run it again.`,
  EDQUOT: (where) => `The disk quota is used up${where}; free some space and run it again.`,
  EACCES: (where) => `Permission denied${where}; give this user the right to write there, or set LOCKSTEP_NATIVE_DIR to a folder it owns.`,
  EROFS: (where) => `The file system is read-only${where}; set LOCKSTEP_NATIVE_DIR to a folder that can be written.`,
};

/** The sentence for any error. A programmer's error keeps its stack, because a sentence would hide where it is. */
export function sentenceFor(error) {
  if (error instanceof Failure) return error.message;
  const sentence = fileSentences[error?.code];
  if (sentence) return sentence(error.path ? ` at ${error.path}` : '');
  return error?.stack ?? String(error);
}
