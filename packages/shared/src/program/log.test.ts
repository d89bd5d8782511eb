import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLog, maximumLineLength } from './log.ts';
import type { LogLevel } from './log.ts';

function recorder(options: { level?: LogLevel; name?: string; isTTY?: boolean } = {}) {
  const lines: string[] = [];
  const { level = 'info', name, isTTY } = options;
  const log = createLog({ level, ...(name === undefined ? {} : { name }), destination: { write: (text) => lines.push(text), isTTY } });
  return { log, lines };
}

describe('log lines', () => {
  test('are time, level and sentence, written before the call returns', () => {
    const { log, lines } = recorder();
    log.info('Waiting for 2 workers.');
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^\d\d:\d\d:\d\d INFO Waiting for 2 workers\.\n$/);
  });

  test('carry the name and the fields', () => {
    const { log, lines } = recorder({ name: 'worker-3' });
    log.warn('Slow.', { round: 7, msg: 'kept', level: 1, time: 'noon' });
    assert.match(lines[0]!, /^\S+ WARN worker-3: Slow\. \{"round":7,"msg":"kept","level":1,"time":"noon"\}\n$/);
  });

  test('below the level are not written', () => {
    const { log, lines } = recorder({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    assert.deepEqual(
      lines.map((line) => line.split(' ')[1]),
      ['WARN', 'ERROR'],
    );
  });

  test('are one bounded line whatever they are given', () => {
    const { log, lines } = recorder({ level: 'debug' });
    log.info('first\nsecond\u001b[2J\u2028third \u202e%s %d');
    log.info('x'.repeat(1_000_000), { y: 'y'.repeat(1_000_000) });
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    log.info('cycle', cycle);
    assert.match(lines[0]!, /INFO first second \[2J third {2}%s %d\n$/);
    assert.equal(lines[1]!.length, maximumLineLength + 1);
    assert.ok(lines[1]!.endsWith('…\n'));
    assert.match(lines[2]!, /cycle \(fields that JSON cannot hold\)\n$/);
    for (const line of lines) assert.equal(line.split('\n').length, 2);
  });

  test('are red for errors on a terminal, and plain elsewhere', (t) => {
    const { NO_COLOR } = process.env;
    delete process.env['NO_COLOR'];
    t.after(() => {
      if (NO_COLOR !== undefined) process.env['NO_COLOR'] = NO_COLOR;
    });
    const terminal = recorder({ isTTY: true });
    terminal.log.error('Bad.');
    assert.ok(terminal.lines[0]!.includes('\u001b[31m'), JSON.stringify(terminal.lines[0]));
    const file = recorder();
    file.log.error('Bad.');
    assert.ok(!file.lines[0]!.includes('\u001b'), JSON.stringify(file.lines[0]));
  });
});
