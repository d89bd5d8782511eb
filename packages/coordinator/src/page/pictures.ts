/** The grids of pictures, and the scrubber through them. Stays with the newest until somebody looks at an earlier one. */
import { byId, element, keepChildren, setText } from './elements.ts';
import { formatCount } from './format.ts';
import type { Run } from './runs.ts';

const playEveryMs = 200;
/** What the browser is asked to keep at hand, for when the coordinator is gone. */
const maximumAhead = 300;

export function createPictures(): { draw(runs: readonly Run[]): void } {
  const slider = byId('step') as HTMLInputElement;
  const preload = createPreload();
  let runs: readonly Run[] = [];
  let steps: readonly number[] = [];
  let follows = true;

  function show(): void {
    const step = steps[slider.valueAsNumber];
    if (step === undefined) return;
    setText(byId('step-shown'), formatCount(step));
    slider.setAttribute('aria-valuetext', `step ${step}`);
    showGrids(runs, step);
  }
  /** Resolves with whether there are later ones. */
  function move(to: number): boolean {
    slider.valueAsNumber = to;
    follows = slider.value === slider.max;
    show();
    return !follows;
  }
  const stop = createPlayer(
    () => follows && move(0),
    () => move(slider.valueAsNumber + 1),
  );
  slider.addEventListener('input', () => {
    stop();
    move(slider.valueAsNumber);
  });

  return {
    draw(now) {
      runs = now;
      const shown = steps[slider.valueAsNumber] ?? 0;
      steps = [...new Set(runs.flatMap((run) => run.grids))].toSorted((a, b) => a - b);
      byId('scrubber').hidden = steps.length < 2;
      byId('no-pictures').hidden = steps.length > 0;
      const newest = Math.max(0, steps.length - 1);
      const same = steps.findLastIndex((step) => step <= shown);
      slider.max = String(newest);
      slider.valueAsNumber = follows ? newest : Math.max(0, same);
      show();
      preload(runs.flatMap((run, index) => run.grids.slice(-maximumAhead).map((step) => addressOf(index, run, step))));
    },
  };
}

/** Of every run, its newest pictures at `step`. */
function showGrids(runs: readonly Run[], step: number): void {
  const figures = keepChildren(byId('pictures'), runs.length, () => {
    const figure = element('figure');
    figure.append(element('img'), element('figcaption'));
    return figure;
  });
  runs.forEach((run, index) => {
    const newest = run.grids.findLast((each) => each <= step);
    figures[index]!.hidden = newest === undefined;
    if (newest === undefined) return;
    const picture = figures[index]!.querySelector('img')!;
    const address = addressOf(index, run, newest);
    if (picture.getAttribute('src') !== address) picture.src = address;
    picture.alt = `Pictures that ${run.head.name} draws after step ${newest}`;
    setText(figures[index]!.querySelector('figcaption')!, runs.length === 1 ? '' : `${run.head.name}, step ${formatCount(newest)}`);
  });
}

/** The button that plays: `begin`, then `advance` until it says that there is no more. Returns what stops it. */
function createPlayer(begin: () => void, advance: () => boolean): () => void {
  const button = byId('play');
  let timer: ReturnType<typeof setInterval> | undefined;
  const shown = (isPlaying: boolean): void => {
    button.setAttribute('aria-pressed', String(isPlaying));
    button.classList.toggle('playing', isPlaying);
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    shown(false);
  };
  button.addEventListener('click', () => {
    if (timer !== undefined) return stop();
    shown(true);
    begin();
    timer = setInterval(() => {
      if (!advance()) stop();
    }, playEveryMs);
  });
  return stop;
}

function addressOf(index: number, { head }: Run, step: number): string {
  return `/grids/${index}/step-${String(step).padStart(6, '0')}.png?${encodeURIComponent(head.runId)}`;
}

/** Fetches pictures ahead, one at a time and the newest first; each once. */
function createPreload(): (addresses: readonly string[]) => void {
  const known = new Set<string>();
  let waiting: string[] = [];
  let isBusy = false;
  const next = (): void => {
    const address = waiting.pop();
    isBusy = address !== undefined;
    if (address === undefined) return;
    const picture = new Image();
    picture.addEventListener('load', next);
    picture.addEventListener('error', next);
    picture.src = address;
  };
  return (addresses) => {
    const fresh = addresses.filter((address) => !known.has(address));
    for (const address of fresh) known.add(address);
    waiting = [...waiting, ...fresh].slice(-maximumAhead);
    if (!isBusy) next();
  };
}
