/** Reads a command line by an option table, and prints --help from it. Says what was typed; the table says what it means. */
import yargs, { type Options } from 'yargs';
import { LockstepError } from '../errors.ts';
import { flagOf, type Given, type OptionSpec, type OptionTable } from './option-table.ts';

export interface ProgramUsage {
  readonly name: string;
  readonly synopsis: string;
  readonly purpose: string;
  /** Command lines and what they do. */
  readonly examples: readonly (readonly [string, string])[];
  readonly version: string;
}

/** Only what was typed: no defaults, and no check except that each flag is in the table and has a value. */
export async function parseCommandLine<Table extends OptionTable>(
  argv: readonly string[],
  table: Table,
  { name: program, synopsis, purpose, examples, version }: ProgramUsage,
): Promise<Given<Table>> {
  let parser = yargs([...argv])
    .scriptName(program)
    .usage(`${synopsis}\n\n${purpose}`);
  for (const [name, spec] of Object.entries(table)) {
    const { type } = spec;
    parser = parser.option(flagOf(name).slice(2), {
      ...kindOf(type),
      describe: helpOf(spec),
      ...(type === 'boolean' ? {} : { requiresArg: true }),
    });
  }
  for (const [command, effect] of examples) parser = parser.example(command, effect);
  const parsed = (await parser
    .version(version)
    .strict()
    .wrap(120)
    .fail((message, error) => {
      throw usageError(program, message, error);
    })
    .parse()) as Record<string, unknown>;
  const typed = Object.entries(table).filter(([name]) => parsed[name] !== undefined);
  return Object.fromEntries(typed.map(([name, { type }]) => [name, valueOf(type, parsed[name])])) as Given<Table>;
}

/** A number is one in --help, but is read as text: of a flag that is repeated yargs takes a last value of 1 for "once more", and adds it. */
function kindOf(type: OptionSpec['type']): Options {
  if (type === 'list') return { string: true, array: true };
  return type === 'number' ? { number: true, string: true } : { type };
}

/** Of a flag that is repeated the last one counts, but for lists. */
function valueOf(type: OptionSpec['type'], given: unknown): unknown {
  if (type === 'list') return given;
  const last: unknown = Array.isArray(given) ? given.at(-1) : given;
  if (type !== 'number') return last;
  return typeof last === 'string' && last.trim() !== '' ? Number(last) : NaN;
}

/** No defaults of yargs: what was typed must stay distinguishable from what was not. */
function helpOf({ type, describe, default: value, defaultDescription }: OptionSpec): string {
  const shown = defaultDescription ?? (type === 'boolean' ? undefined : value?.toString());
  return shown === undefined ? describe : `${describe} [default: ${shown}]`;
}

/** What yargs reports (`message`), or an error thrown inside it, as one sentence for the user. */
function usageError(program: string, message: string | null, error: Error | undefined): LockstepError {
  if (error instanceof LockstepError) return error;
  const sentence = (message ?? error?.message ?? 'bad usage').split('\n')[0]!.replace(/\.$/, '');
  return new LockstepError('usage', `${sentence}. See ${program} --help.`);
}
