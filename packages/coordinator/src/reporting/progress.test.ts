import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { ProgressView } from './progress-line.ts';
import { createProgress, isInteractive, type ProgressStream } from './progress.ts';

const view: ProgressView = {
  step: 0,
  steps: 1000,
  epoch: 0,
  epochs: 2,
  imagesPerSecond: 500,
  remainingSeconds: 60,
  losses: { discriminator: 0.7, generator: 0.8 },
  workersLive: 4,
  workersWanted: 4,
};
const start = { step: 0, nowMs: 0 };
const at = (step: number): ProgressView => ({ ...view, step });

/** A control sequence with at most one number, or one character. */
const tokens = /\p{Cc}\[\d*[A-Za-z]|[^]/gu;

/**
 * A terminal as far as progress uses one: text that wraps at the last column, CR, LF, cursor up, erase below, and rows that are wrapped
 * anew when the width changes, as VTE, kitty, iTerm and Windows Terminal do. Anything else that is written fails the test.
 */
function createTerminal(columns: number) {
  const emitter = new EventEmitter();
  let rows: { text: string; continued: boolean }[] = [{ text: '', continued: false }];
  let row = 0;
  let column = 0;
  let writes = 0;
  const putCharacter = (character: string): void => {
    if (column === columns) {
      row += 1;
      column = 0;
      rows.splice(row, rows.length, { text: '', continued: true });
    }
    const { text, continued } = rows[row]!;
    rows[row] = { text: text.slice(0, column).padEnd(column) + character + text.slice(column + 1), continued };
    column += 1;
  };
  const controls: Record<string, (count: number) => void> = {
    '\r': () => (column = 0),
    '\n': () => {
      row += 1;
      column = 0;
      if (rows[row] === undefined) rows.push({ text: '', continued: false });
    },
    A: (count) => (row = Math.max(0, row - count)),
    J: () => {
      rows[row] = { ...rows[row]!, text: rows[row]!.text.slice(0, column) };
      rows.length = row + 1;
    },
  };
  const stream = {
    isTTY: true,
    columns,
    write: (text: string): void => {
      writes += 1;
      for (const [token] of text.matchAll(tokens)) {
        const control = controls[token.at(-1)!];
        if (token.startsWith('\u001b')) {
          assert.ok(control, `unknown control code ${JSON.stringify(token)}`);
          control(Number(token.slice(2, -1) || 1));
        } else if (token === '\r' || token === '\n') controls[token]!(1);
        else putCharacter(token);
      }
    },
    on: emitter.on.bind(emitter),
    off: emitter.off.bind(emitter),
  };
  return {
    stream,
    screen: () => rows.map(({ text }) => text),
    writes: () => writes,
    listeners: () => emitter.listenerCount('resize'),
    /** The cursor is at the end of the last row whenever progress lets a resize happen. */
    resize(next: number) {
      const lines: string[] = [];
      for (const { text, continued } of rows) {
        if (continued) lines.push(lines.pop()! + text);
        else lines.push(text);
      }
      rows = lines.flatMap((line) => {
        const pieces = line.match(new RegExp(`.{1,${next}}`, 'g')) ?? [''];
        return pieces.map((text, index) => ({ text, continued: index > 0 }));
      });
      columns = next;
      stream.columns = next;
      row = rows.length - 1;
      column = rows[row]!.text.length;
      emitter.emit('resize');
    },
  };
}

function interactive(columns: number) {
  const terminal = createTerminal(columns);
  return { terminal, progress: createProgress({ terminal: terminal.stream, log: () => {}, start }) };
}

test('on a terminal one line is redrawn in place, at most ten times a second', () => {
  const { terminal, progress } = interactive(100);
  for (let nowMs = 0; nowMs < 1000; nowMs += 1) progress.update(at(nowMs), nowMs);
  assert.equal(terminal.writes(), 10);
  assert.deepEqual(terminal.screen(), ['step 900/1000  epoch 0.0/2  90%  500 img/s  d 0.700 g 0.800  workers 4/4  ETA 1m00s']);
});

test('log lines appear above the line, each once and whole', () => {
  const { terminal, progress } = interactive(60);
  const write = progress.wrap((text) => terminal.stream.write(text));
  write('before the first\n');
  progress.update(at(1), 0);
  write('first\nsecond\n');
  progress.update(at(2), 50);
  write('a line that is longer than the terminal is wide, so that it takes up two rows\n');
  progress.update(at(3), 100);
  progress.stop(at(4), 101);
  write('after the end\n');
  assert.deepEqual(terminal.screen(), [
    'before the first',
    'first',
    'second',
    'a line that is longer than the terminal is wide, so that it ',
    'takes up two rows',
    '4/1000 0% 500 img/s w 4/4 ETA 1m00s',
    'after the end',
    '',
  ]);
});

test('a resize leaves one line, clipped to the new width, and nothing of the old one', () => {
  const { terminal, progress } = interactive(120);
  terminal.stream.write('logged\n');
  progress.update(at(500), 0);
  for (const columns of [119, 30, 12, 11, 5, 80, 200]) {
    terminal.resize(columns);
    const screen = terminal.screen();
    assert.deepEqual(screen.slice(0, -1).join(''), 'logged', `${columns} columns`);
    assert.match(screen.at(-1)!, /500|step/, `${columns} columns`);
    assert.ok(screen.at(-1)!.length < columns);
  }
  progress.stop(undefined, 0);
  assert.equal(terminal.listeners(), 0);
});

test('a width that is unknown counts as 80 columns', () => {
  const terminal = createTerminal(80);
  const stream: ProgressStream = { isTTY: true, write: terminal.stream.write, on: terminal.stream.on, off: terminal.stream.off };
  createProgress({ terminal: stream, log: () => {}, start }).update(at(10), 0);
  assert.deepEqual(terminal.screen(), ['step 10/1000 epoch 0.0 1% 500 img/s d 0.700 g 0.800 w 4/4 ETA 1m00s']);
});

test('stopping shows the last state on a line of its own, once; later updates show nothing', () => {
  const { terminal, progress } = interactive(60);
  progress.update(at(1), 0);
  progress.update(at(2), 1);
  progress.stop(undefined, 2);
  progress.stop(at(3), 3);
  progress.update(at(4), 1000);
  terminal.resize(50);
  assert.deepEqual(terminal.screen(), ['2/1000 0% 500 img/s w 4/4 ETA 1m00s', '']);
});

test('stopping before anything was shown writes nothing', () => {
  const { terminal, progress } = interactive(60);
  progress.stop(undefined, 0);
  assert.equal(terminal.writes(), 0);
});

test('log lines are written, beside a terminal too: an estimate early, then now and then, and the end', () => {
  for (const terminal of [undefined, createTerminal(80).stream]) {
    const lines: string[] = [];
    const progress = createProgress({ terminal, log: (line) => lines.push(line), start });
    for (let step = 1; step <= 1000; step += 1) progress.update(at(step), step * 100);
    progress.stop(at(1000), 100_000);
    progress.stop(at(1000), 100_000);
    const logged = lines.map((line) => Number(/^step (\d+)/.exec(line)?.[1]));
    assert.deepEqual(logged, [5, 105, 205, 305, 405, 505, 605, 705, 805, 905, 1000]);
    assert.match(lines[0]!, /; about 1 min 00 s for 995 more steps at 500 images\/s with 4 workers$/);
    assert.equal(lines.filter((line) => line.includes('about')).length, 1);
  }
});

test('a wrapped writer passes text on where there is no terminal', () => {
  const written: string[] = [];
  const progress = createProgress({ terminal: undefined, log: assert.fail, start });
  progress.wrap((text) => written.push(text))('line\n');
  assert.deepEqual(written, ['line\n']);
});

test('a dumb terminal and a pipe are not interactive', () => {
  const { stream } = createTerminal(80);
  assert.equal(isInteractive(stream, { TERM: 'xterm' }), true);
  assert.equal(isInteractive(stream, { TERM: 'dumb' }), false);
  assert.equal(isInteractive({ ...stream, isTTY: false }, { TERM: 'xterm' }), false);
});
