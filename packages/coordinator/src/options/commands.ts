/** Which command a command line names. `main.ts` has the table of them. */
import { LockstepError } from '@lockstep/shared';

/** Gets what follows its name, and the names of all commands, for its --help; resolves with the exit code. */
export type Command = (argv: readonly string[], commands: readonly string[]) => Promise<number>;

/** Runs the command that the first word names; the first of the table where there is no word. Throws `usage` for any other word. */
export function runCommand(commands: Readonly<Record<string, Command>>, argv: readonly string[]): Promise<number> {
  const names = Object.keys(commands);
  const [word, ...rest] = argv;
  if (word === undefined || word.startsWith('-')) return commands[names[0]!]!(argv, names);
  if (Object.hasOwn(commands, word)) return commands[word]!(rest, names);
  const all = names.map((name, index) => (index === 0 ? `${name} (the default)` : name)).join(', ');
  throw new LockstepError('usage', `There is no command '${word.slice(0, 64)}'; the commands are ${all}. See coordinator --help.`);
}
