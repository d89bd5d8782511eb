/** Everything on the page that is words and tables. */
import { type Head, type RunState, shownParts, type WorkerRow } from '../live/messages.ts';
import { byId, type Cell, element, fillTable, keepChildren, setText } from './elements.ts';
import { formatCount, formatDuration, formatMilliseconds, formatTime } from './format.ts';
import type { Run } from './runs.ts';

const stateWords: Readonly<Record<RunState, string>> = {
  starting: 'Starting',
  waiting: 'Waiting',
  training: 'Training',
  finishing: 'Finishing',
  finished: 'Finished',
  stopped: 'Stopped',
  failed: 'Failed',
  quiet: 'No sign of life',
};
const isOver = (state: RunState): boolean => state === 'finished' || state === 'stopped' || state === 'failed';
const looks: Partial<Record<RunState, string>> = { finished: 'good', training: 'good', failed: 'bad', quiet: 'bad' };
/** A step that takes longer makes people ask what is waited for. */
const stalledMs = 3_000;

const text = (value: string): Cell => ({ text: value });
const number = (value: string): Cell => ({ text: value, kind: 'number' });
const prose = (value: string): Cell => ({ text: value, kind: 'prose' });

export function drawSummary(runs: readonly Run[], isConnected: boolean): void {
  const heads = runs.map((run) => run.head);
  const isOne = heads.length === 1;
  document.body.classList.toggle('several', !isOne);
  for (const id of ['progress', 'figures', 'workers-section', 'events-section']) byId(id).hidden = !isOne;
  byId('runs-section').hidden = isOne;
  drawState(heads, isConnected);
  if (!isOne) {
    setText(byId('title'), `${heads.length} runs`);
    drawRuns(heads);
    byId('anatomy-section').hidden = true;
    return;
  }
  const { head, events } = runs[0]!;
  setText(byId('title'), head.name);
  drawFigures(head);
  drawPhases(head);
  drawWorkers(head);
  fillTable(
    byId('events'),
    events.map(({ time, text: what }) => [text(formatTime(time)), prose(what)]),
  );
}

/** The one line that is read out when it changes. */
function drawState(heads: readonly Head[], isConnected: boolean): void {
  const { word, why, look = '' } = stateOf(heads, isConnected);
  const line = byId('state');
  if (line.textContent === `${word} ${why}` && line.dataset['look'] === look) return;
  line.dataset['look'] = look;
  line.replaceChildren(element('strong', { className: look, text: word }), ` ${why}`);
}

interface Said {
  readonly word: string;
  readonly why: string;
  readonly look?: string | undefined;
}

function stateOf(heads: readonly Head[], isConnected: boolean): Said {
  const ended = heads.filter(({ state }) => isOver(state)).length;
  // The coordinator of a run that has ended is gone, as it should be.
  if (!isConnected && ended < heads.length)
    return { word: 'Connection lost, retrying.', why: 'What is shown is from before.', look: 'bad' };
  if (heads.length > 1) return { word: `${ended} of ${heads.length} runs have ended.`, why: '' };
  const { state, reason } = heads[0]!;
  const look = looks[state];
  return state === 'training' ? { word: stateWords.training, why: '', look } : { word: `${stateWords[state]}:`, why: reason, look };
}

function drawFigures(head: Head): void {
  const { step, steps } = head;
  const progress = byId('progress') as HTMLProgressElement;
  progress.hidden = steps === undefined;
  progress.max = steps ?? 1;
  progress.value = step;
  const share = steps === undefined ? '' : ` ${Math.floor((step / steps) * 100)} %`;
  document.title = `${stateWords[head.state]}${share} · ${head.name} · Lockstep`;
  const live = head.workers.filter(({ state }) => state !== 'gone').length;
  drawList({
    Step: steps === undefined ? formatCount(step) : `${formatCount(step)} of ${formatCount(steps)}`,
    'Images per second': formatCount(head.imagesPerSecond),
    Remaining: isOver(head.state) ? '' : formatDuration(head.remainingSeconds),
    Workers: head.workersWanted === undefined ? String(head.workers.length) : `${live} of ${head.workersWanted}`,
    Recipe: head.recipe,
    Seed: head.seed === undefined ? '' : String(head.seed),
  });
}

function drawList(figures: Readonly<Record<string, string>>): void {
  const shown = Object.entries(figures).filter(([, value]) => value !== '');
  const groups = keepChildren(byId('figures'), shown.length, () => {
    const group = element('div');
    group.append(element('dt'), element('dd'));
    return group;
  });
  shown.forEach(([name, value], index) => {
    setText(groups[index]!.firstElementChild!, name);
    setText(groups[index]!.lastElementChild!, value);
  });
}

function drawRuns(heads: readonly Head[]): void {
  fillTable(
    byId('runs'),
    heads.map(({ name, state, step, steps, imagesPerSecond, recipe, seed, reason }) => [
      text(name),
      text(stateWords[state]),
      number(steps === undefined ? formatCount(step) : `${formatCount(step)} of ${formatCount(steps)}`),
      number(formatCount(imagesPerSecond)),
      text(recipe),
      number(seed === undefined ? '' : String(seed)),
      prose(reason),
    ]),
  );
}

function drawPhases({ phases }: Head): void {
  byId('anatomy-section').hidden = phases.length === 0;
  const rows = phases.map(({ phase, seconds }) => ({ phase, parts: shownParts.map((part) => seconds[part]) }));
  const lines = fillTable(
    byId('phases'),
    rows.map(({ phase, parts }) => [text(phase), ...[...parts, sum(parts)].map((seconds) => number(formatMilliseconds(seconds)))]),
  );
  const longest = Math.max(...rows.map(({ parts }) => sum(parts)));
  rows.forEach(({ parts }, index) => {
    const cell = element('td', { className: 'wide' });
    const bar = element('div', { className: 'parts' });
    // The numbers beside it say the same.
    bar.setAttribute('aria-hidden', 'true');
    bar.style.width = `${(sum(parts) / longest) * 100}%`;
    parts.forEach((part, kind) => {
      const piece = element('span', { className: `part-${shownParts[kind]}` });
      piece.style.width = `${(part / sum(parts)) * 100}%`;
      bar.append(piece);
    });
    cell.append(bar);
    lines[index]!.append(cell);
  });
}

function drawWorkers({ workers }: Head): void {
  byId('workers-section').classList.toggle(
    'from-files',
    workers.every(({ computeSeconds }) => computeSeconds === undefined),
  );
  fillTable(
    byId('workers'),
    workers
      .toSorted(byName)
      .map(({ name, state, device, host, computeSeconds, lastShare, shards, note }) => [
        text(name),
        text(state),
        text(device),
        text(host),
        number(formatMilliseconds(computeSeconds)),
        number(lastShare === undefined || workers.length < 2 ? '' : `${Math.round(lastShare * 100)} %`),
        number(formatCount(shards)),
        prose(note ?? ''),
      ]),
  );
}

const byName = (a: WorkerRow, b: WorkerRow): number => a.name.localeCompare(b.name, 'en', { numeric: true });

/** Says whom a run waits for once a step takes long; call it more often than messages come. */
export function createStallWatch(): (runs: readonly Run[], isConnected: boolean) => void {
  let step = -1;
  let sinceMs = 0;
  return (runs, isConnected) => {
    const head = runs[0]?.head;
    if (head === undefined) return;
    if (head.step !== step) sinceMs = performance.now();
    step = head.step;
    const waitedMs = performance.now() - sinceMs;
    const line = byId('stalled');
    line.hidden = !isConnected || runs.length > 1 || head.state !== 'training' || waitedMs < stalledMs;
    if (!line.hidden) setText(line, `No step for ${formatDuration(waitedMs / 1000)}. ${head.reason}`);
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
