import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LockstepError } from '@lockstep/shared';
import { type Command, runCommand } from './commands.ts';

const got: unknown[] = [];
const command =
  (name: string): Command =>
  async (argv, commands) => {
    got.push([name, argv, commands]);
    return 7;
  };
const table = { train: command('train'), plan: command('plan') };

test('the first word names the command; without one it is the first of the table', async () => {
  const names = ['train', 'plan'];
  for (const [argv, ...expected] of [
    [[], 'train', []],
    [['--spawn'], 'train', ['--spawn']],
    [['train', '--spawn'], 'train', ['--spawn']],
    [['plan', '--run-dir', 'x'], 'plan', ['--run-dir', 'x']],
  ] as const) {
    assert.equal(await runCommand(table, argv), 7);
    assert.deepEqual(got.pop(), [...expected, names]);
  }
});

test('another word is refused with the names of all commands', () => {
  for (const word of ['foo', 'toString', '']) {
    assert.throws(
      () => runCommand(table, [word]),
      (error) =>
        error instanceof LockstepError &&
        error.code === 'usage' &&
        error.message === `There is no command '${word}'; the commands are train (the default), plan. See coordinator --help.`,
    );
  }
});
