/** The coordinator's command line: what was typed. `resolve-options.ts` works out what it means. */
import { checkGiven, defaultsOf, type Given, parseCommandLine as parse, type ValuesOf } from '@lockstep/shared';
import { optionTable, sourceTable } from './option-table.ts';

export interface CommandLine extends ValuesOf<typeof sourceTable> {
  /** Only what was typed; not checked. */
  readonly typed: Given<typeof optionTable>;
}

const examples = [
  ['coordinator --workers 4 --spawn', 'train on this machine with four local workers'],
  ['coordinator --workers 4 --bind tcp://0.0.0.0:5555', 'wait for four workers from anywhere'],
  ['coordinator --recipe gan-seed --epochs 10 --seed 7', 'the plain GAN: ReLU, Adam 1e-4, batch 128'],
  ['coordinator --resume --run-dir runs/mine --epochs 20', 'continue from the newest checkpoint, to 20 epochs in total'],
  ['coordinator --resume --run-dir runs/mine --step 500', 'go back to the checkpoint of step 500, and continue from there'],
  ['coordinator --config runs/mine/config.json --spawn', 'repeat a run: same seed, same weights'],
] as const;
const purpose = 'Trains a model on MNIST with synchronous workers. The same seed gives the same weights, bit for bit.';

export async function parseCommandLine(argv: readonly string[], version: string, commands: readonly string[] = []): Promise<CommandLine> {
  const { resume, step, config, ...typed } = await parse(
    argv,
    { ...sourceTable, ...optionTable },
    { name: 'coordinator', synopsis: `coordinator [${commands.join('|')}] [options]`, purpose, examples, version },
  );
  return { typed, ...defaultsOf(sourceTable), ...checkGiven(sourceTable, { resume, step, config }) };
}
