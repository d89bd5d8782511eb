import { describe, test } from 'node:test';
import { needsProc } from '../e2e/processes.ts';
import { faults } from './table.ts';
import { play } from './play.ts';

describe('the faults of the table', { concurrency: 2, skip: needsProc }, () => {
  for (const { id, fault, scenarios = {} } of faults) {
    for (const [name, scenario] of Object.entries(scenarios)) test(`${id}. ${fault}: ${name}`, (t) => play(t, scenario));
  }
});
