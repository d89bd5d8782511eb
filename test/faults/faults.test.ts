import { describe, test } from 'node:test';
import { needsProc } from '../e2e/processes.ts';
import { type Fault, faults } from './table.ts';
import { play } from './play.ts';

/** `npm run test:faults` plays all; `npm test` those that no test elsewhere shows, since each takes seconds. */
const playsAll = process.env['LOCKSTEP_FULL'] === '1' || process.env['LOCKSTEP_ALL_FAULTS'] === '1';

function isShownElsewhere({ tests = [] }: Fault): boolean {
  return tests.some(({ file }) => !file.startsWith('test/faults/'));
}

describe('the faults of the table', { concurrency: 2, skip: needsProc }, () => {
  for (const fault of faults) {
    if (!playsAll && isShownElsewhere(fault)) continue;
    for (const [name, scenario] of Object.entries(fault.scenarios ?? {}))
      test(`${fault.id}. ${fault.fault}: ${name}`, (t) => play(t, scenario));
  }
});
