/** `coordinator watch`: serves the live page of runs from their directories, and changes nothing there. Several runs are compared. */
import { resolve } from 'node:path';
import { checkGiven, createLog, defaultsOf, LockstepError, parseCommandLine, stopSignals, texts, version } from '@lockstep/shared';
import { startHttpServer } from '../http/server.ts';
import { createLiveFeed } from '../live/live-feed.ts';
import { pageRoutes } from '../live/page-routes.ts';
import { createRunView } from '../live/run-view.ts';
import { optionTable } from '../options/option-table.ts';
import { holdsRun } from '../run/run-directory.ts';

const { metricsPort, metricsHost } = optionTable;
export const watchTable = {
  runDir: { type: 'list', default: undefined, describe: 'run directories; several are compared', check: texts },
  // Not the one of training, which may be going on beside this.
  metricsPort: { ...metricsPort, default: 0, describe: 'HTTP port of the page (0: any free one)' },
  metricsHost,
} as const;
const maximumRuns = 16;
const usage = {
  name: 'coordinator watch',
  synopsis: 'coordinator watch --run-dir DIR [--run-dir DIR ...]',
  purpose: 'Shows runs in a browser from what they have written, finished or not. Changes nothing.',
  examples: [['coordinator watch --run-dir runs/one runs/two', 'compare two runs']],
  version,
} as const;

/** Serves until it is asked to stop. */
export async function watch(argv: readonly string[]): Promise<number> {
  const typed = await parseCommandLine(argv, watchTable, usage);
  const options = { ...defaultsOf(watchTable), ...checkGiven(watchTable, typed) };
  const paths = (options.runDir ?? []).map((path) => resolve(path));
  await checkRuns(paths);
  const { stdout } = process;
  const log = createLog({ level: 'info', destination: { write: (text) => void stdout.write(text), isTTY: stdout.isTTY } });
  const runs = paths.map((path) => createRunView(path));
  const warn = (sentence: string): void => log.warn(sentence);
  const feed = createLiveFeed(runs, warn);
  const { metricsHost: host, metricsPort: port } = options;
  const http = await startHttpServer({ host, port, routes: pageRoutes(runs, feed), warn });
  log.info(`Live page at ${http.url}/ (Ctrl-C ends it)`);
  await stopSignals(log);
  await http.close();
  return 0;
}

async function checkRuns(paths: readonly string[]): Promise<void> {
  if (paths.length === 0 || paths.length > maximumRuns)
    throw new LockstepError('usage', `coordinator watch takes 1 to ${maximumRuns} run directories: --run-dir DIR.`);
  for (const path of paths) {
    if (!(await holdsRun(path))) throw new LockstepError('usage', `--run-dir ${path} holds no run: give the directory of one.`);
  }
}
