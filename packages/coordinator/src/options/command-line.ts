/** The coordinator's command line: yargs over the option table. Says what was typed; `config.ts` says what it means. */
import yargs from 'yargs';
import { usageError } from '@lockstep/shared';
import { flagOf, type Options, optionNames, optionTable } from './option-table.ts';

export interface CommandLine {
  /** Only what was typed. */
  readonly typed: { readonly [K in keyof Options]?: unknown };
  readonly resume: boolean;
  readonly config?: string;
}

const examples = [
  ['coordinator --workers 4 --spawn', 'train on this machine with four local workers'],
  ['coordinator --workers 4 --bind tcp://0.0.0.0:5555', 'wait for four workers from anywhere'],
  ['coordinator --recipe gan-seed --epochs 10 --seed 7', 'the plain GAN: ReLU, Adam 1e-4, batch 128'],
  ['coordinator --resume --run-dir runs/mine --epochs 20', 'go on from the newest checkpoint, to 20 epochs in total'],
  ['coordinator --config runs/mine/config.json --spawn', 'repeat a run: same seed, same weights'],
] as const;

export async function parseCommandLine(argv: readonly string[], version: string): Promise<CommandLine> {
  let parser = yargs([...argv])
    .scriptName('coordinator')
    .usage('coordinator [options]\n\nTrains a model on MNIST with synchronous workers. The same seed gives the same weights, bit for bit.')
    .option('resume', { type: 'boolean', describe: 'go on from the newest checkpoint of --run-dir (default: the newest run in runs/)' })
    .option('config', { type: 'string', requiresArg: true, describe: "take options from a run's config.json; flags win" });
  for (const name of optionNames) {
    const spec = optionTable[name];
    const shown = spec.defaultDescription ?? (spec.type === 'boolean' ? undefined : spec.default?.toString());
    const describe = shown === undefined ? spec.describe : `${spec.describe} [default: ${shown}]`;
    // No yargs defaults: what was typed must stay distinguishable from what was not.
    parser = parser.option(flagOf(name).slice(2), { type: spec.type, describe, ...(spec.type === 'boolean' ? {} : { requiresArg: true }) });
  }
  for (const [command, purpose] of examples) parser = parser.example(command, purpose);
  const parsed = (await parser
    .version(version)
    .strict()
    .parserConfiguration({ 'duplicate-arguments-array': false })
    .wrap(120)
    .fail((message, error) => {
      throw usageError('coordinator', message, error);
    })
    .parse()) as Record<string, unknown>;
  const typed = Object.fromEntries(optionNames.filter((name) => parsed[name] !== undefined).map((name) => [name, parsed[name]]));
  return { typed, resume: parsed['resume'] === true, ...(typeof parsed['config'] === 'string' ? { config: parsed['config'] } : {}) };
}
