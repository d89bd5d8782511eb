/** The worker's flags: names, defaults, help. Meaning is checked in `config.ts`. */
import yargs from 'yargs';
import { usageError } from '@lockstep/shared';
import { backendChoices } from '../backends/index.ts';

export interface Flags {
  readonly connect: string;
  readonly backend: string;
  readonly gpu?: string;
  readonly recipe?: string;
  readonly name?: string;
  readonly reconnectTimeout: number;
  readonly logLevel: string;
}

export async function parseFlags(argv: readonly string[], version: string): Promise<Flags> {
  const flags = await yargs([...argv])
    .scriptName('worker')
    .usage('worker [options]\n\nComputes gradients for a coordinator, on one GPU or one CPU core. May be started before the coordinator.')
    .option('connect', {
      type: 'string',
      requiresArg: true,
      default: 'tcp://127.0.0.1:5555',
      describe: 'address of the coordinator: tcp://HOST:PORT or ipc://PATH',
    })
    .option('gpu', {
      type: 'string',
      requiresArg: true,
      describe: 'index among the visible GPUs, or (cuda) UUID, of a MIG instance too; fails if that GPU cannot be used',
    })
    .option('backend', {
      type: 'string',
      requiresArg: true,
      default: 'auto',
      describe: `${backendChoices.join(', ')}; auto never takes webgpu`,
    })
    .option('recipe', { type: 'string', requiresArg: true, describe: "the recipe file, if the run uses a user's recipe" })
    .option('name', { type: 'string', requiresArg: true, describe: 'unique name in logs and metrics [default: HOST-PID or HOST-gpuI]' })
    .option('reconnect-timeout', {
      type: 'number',
      requiresArg: true,
      default: 300,
      describe: 'seconds to look for a coordinator, at the start and after losing it',
    })
    .option('log-level', { type: 'string', requiresArg: true, default: 'info', describe: 'debug, info, warn or error' })
    .example('worker --gpu 0', 'join the coordinator on this machine with GPU 0')
    .example('worker --gpu 1 --connect tcp://trainer:5555', 'join a coordinator on another machine')
    .example('worker --backend webgpu', 'use the first GPU of any vendor')
    .example('worker --backend wasm', 'use one CPU core, without any native library')
    .version(version)
    .strict()
    .parserConfiguration({ 'duplicate-arguments-array': false, 'camel-case-expansion': true, 'boolean-negation': false })
    .wrap(110)
    .exitProcess(true)
    .fail((message, error) => {
      throw usageError('worker', message, error);
    })
    .parse();
  return flags as unknown as Flags;
}
