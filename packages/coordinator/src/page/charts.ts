/** The curves of all runs over steps. Runs are told apart by colour, curves of one run too; with several runs, curves of one by dashes. */
import UPlot from 'uplot';
import type { Curves } from '../live/messages.ts';
import { byId, element, keepChildren, setText } from './elements.ts';
import { formatFigure } from './format.ts';
import type { Run } from './runs.ts';

interface ChartKind {
  readonly title: (names: readonly string[]) => string;
  readonly curves: (run: Run) => Curves;
  readonly prefix: string;
  readonly isLogarithmic?: boolean;
}

const kinds: readonly ChartKind[] = [
  { title: () => 'Losses', curves: (run) => run.curves, prefix: 'loss.' },
  { title: (names) => (isGan(names) ? 'Discriminator' : 'Figures of the recipe'), curves: (run) => run.curves, prefix: 'metrics.' },
  { title: () => 'Images per second', curves: (run) => run.speed, prefix: '' },
  { title: () => 'Gradient norms', curves: (run) => run.curves, prefix: 'gradientNorm.', isLogarithmic: true },
];
/** What the field calls the figures of the built-in recipes. */
const names: Readonly<Record<string, string>> = {
  realScore: 'D(x)',
  fakeScore: 'D(G(z))',
  imagesPerSecond: 'images/s',
};
const isGan = (found: readonly string[]): boolean =>
  found.length > 0 && found.every((name) => name === 'realScore' || name === 'fakeScore');
const colours = 5;
const dashes = [[], [7, 5], [2, 4]];
const height = 190;
/** So many points are drawn pale, under a smooth line that shows where they go. */
const smoothFrom = 80;
/** The smooth line's memory, as a share of all points. */
const smoothShare = 1 / 50;

interface Line {
  readonly label: string;
  readonly colour: number;
  readonly dash: number;
  readonly steps: readonly number[];
  readonly values: readonly (number | null)[];
}

interface Chart {
  draw(runs: readonly Run[]): void;
  redraw(): void;
}

export function createCharts(): { draw(runs: readonly Run[]): void } {
  const charts = kinds.map(createChart);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach((chart) => chart.redraw()));
  return { draw: (runs) => charts.forEach((chart) => chart.draw(runs)) };
}

function createChart(kind: ChartKind): Chart {
  const figure = element('figure', { className: 'chart' });
  const caption = element('figcaption');
  const plot = element('div', { className: 'plot' });
  plot.setAttribute('role', 'img');
  figure.append(caption, plot);
  byId('charts').append(figure);
  let lines: Line[] = [];
  let shape = '';
  let uplot: UPlot | undefined;

  function showValues(index: number | null | undefined): void {
    const data = uplot?.data;
    const values = lines.map((line, position) => (typeof index === 'number' ? data?.[position + 1]?.[index] : line.values.at(-1)));
    caption.querySelectorAll('.value').forEach((node, position) => setText(node, formatFigure(values[position])));
  }
  function begin(title: string): void {
    uplot?.destroy();
    keepChildren(caption, 0, () => caption);
    caption.append(element('span', { className: 'name', text: title }), ...lines.map(legendOf));
    const hooks = { setCursor: [(chart: UPlot) => showValues(chart.cursor.idx)] };
    uplot = new UPlot({ ...optionsOf(kind, lines, plot.clientWidth), hooks }, undefined, plot);
  }
  new ResizeObserver(() => uplot?.setSize({ width: plot.clientWidth, height })).observe(plot);

  return {
    draw(runs) {
      lines = linesOf(kind, runs);
      figure.hidden = lines.length === 0;
      if (figure.hidden) return;
      const title = kind.title(namesOf(kind, runs));
      const nowShape = [title, isSmoothed(lines), ...lines.map(({ label, colour, dash }) => `${label} ${colour} ${dash}`)].join('\n');
      if (nowShape !== shape) begin(title);
      shape = nowShape;
      const tables = [(line: Line) => line.values, smoothed].flatMap((valuesOf) =>
        lines.map((line) => [[...line.steps], [...valuesOf(line)]]),
      );
      uplot!.setData(UPlot.join(tables as UPlot.AlignedData[]));
      showValues(uplot!.cursor.idx);
      const last = lines.map(({ label, values }) => `${label} ${formatFigure(values.at(-1))}`).join(', ');
      plot.setAttribute('aria-label', `${title}, last values: ${last}`);
    },
    redraw: () => uplot?.redraw(),
  };
}

function namesOf({ curves, prefix }: ChartKind, runs: readonly Run[]): string[] {
  const found = runs.flatMap((run) => Object.keys(curves(run).series).filter((name) => name.startsWith(prefix)));
  return [...new Set(found.map((name) => name.slice(prefix.length)))];
}

function linesOf(kind: ChartKind, runs: readonly Run[]): Line[] {
  const found = namesOf(kind, runs);
  return runs.flatMap((run, runIndex) => {
    const { steps, series } = kind.curves(run);
    return found.flatMap((name, index) => {
      const values = series[kind.prefix + name];
      if (values === undefined) return [];
      const label = names[name] ?? name;
      const isOne = runs.length === 1;
      return [
        {
          label: isOne ? label : `${run.head.name}: ${label}`,
          colour: (isOne ? index : runIndex) % colours,
          dash: isOne ? 0 : index % dashes.length,
          steps,
          // A logarithm of 0 cannot be drawn.
          values: kind.isLogarithmic === true ? values.map((value) => (value !== null && value > 0 ? value : null)) : values,
        },
      ];
    });
  });
}

const isSmoothed = (lines: readonly Line[]): boolean => lines.some(({ values }) => values.length >= smoothFrom);

/** An exponential mean, which knows nothing of what comes later; nothing where there are few points. */
function smoothed({ values }: Line): (number | null)[] {
  if (values.length < smoothFrom) return values.map(() => null);
  const weight = 1 / Math.max(1, values.length * smoothShare);
  let mean: number | undefined;
  return values.map((value) => {
    if (value !== null) mean = mean === undefined ? value : mean + (value - mean) * weight;
    return mean ?? null;
  });
}

function legendOf({ label, colour, dash }: Line): HTMLElement {
  const item = element('span');
  item.append(element('span', { className: `swatch line-${colour} dash-${dash}` }), `${label} `, element('span', { className: 'value' }));
  return item;
}

/** Asked for at every drawing, since the theme may change. `alpha`: two hexadecimal digits. */
const styleOf =
  (name: string, alpha = '') =>
  () =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim() + alpha;
const powersOfTen = (_: UPlot, splits: readonly number[]): (number | null)[] =>
  splits.map((split) => (Number.isInteger(Math.log10(split)) ? split : null));

function optionsOf({ isLogarithmic = false }: ChartKind, lines: readonly Line[], width: number): UPlot.Options {
  const axis: UPlot.Axis = {
    stroke: styleOf('--muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: styleOf('--rule'), width: 1 },
    ticks: { show: false },
  };
  const lineOf = ({ label, colour, dash }: Line, alpha: string, width: number): UPlot.Series => ({
    label,
    stroke: styleOf(`--line-${colour}`, alpha),
    width,
    // Pale lines are thin and close: dashes would make them a fog.
    dash: alpha === '' ? dashes[dash]! : [],
    spanGaps: true,
    points: { show: false },
  });
  const isPale = isSmoothed(lines);
  return {
    width,
    height,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'step' }, drag: { x: false, y: false } },
    scales: { x: { time: false }, y: isLogarithmic ? { distr: 3 } : {} },
    axes: [
      { ...axis, size: 26, gap: 4 },
      { ...axis, size: 52, gap: 4, ...(isLogarithmic ? { filter: powersOfTen, grid: { ...axis.grid, filter: powersOfTen } } : {}) },
    ],
    series: [{}, ...lines.map((line) => lineOf(line, isPale ? '50' : '', isPale ? 1 : 1.5)), ...lines.map((line) => lineOf(line, '', 2))],
  };
}
