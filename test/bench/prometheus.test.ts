import assert from 'node:assert/strict';
import test from 'node:test';
import { parsePage, total } from './prometheus.ts';

const page = parsePage(
  [
    '# HELP lockstep_steps_total Steps.',
    'lockstep_steps_total 12',
    'lockstep_phase_duration_seconds_sum{phase="discriminator",part="wait"} 0.5',
    'lockstep_phase_duration_seconds_sum{phase="generator",part="wait"} 2.5e-1',
    'lockstep_phase_duration_seconds_sum{phase="generator",part="apply"} 4',
    '',
  ].join('\n'),
);

test('sums the samples of a name and label', () => {
  assert.equal(total(page, 'lockstep_steps_total'), 12);
  assert.equal(total(page, 'lockstep_phase_duration_seconds_sum', 'part="wait"'), 0.75);
});

test('a missing name is an error, not a 0', () => {
  assert.throws(() => total(page, 'lockstep_stepz_total'), /no lockstep_stepz_total/);
});
