/**
 * Draws a row of a dashboard as SVG from its JSON and from what Prometheus answered. It is not Grafana's own rendering: it shows what the
 * panels say, at their places and in their units.
 */
import type { Series } from '../prometheus.ts';
import type { Panel } from '../sources.ts';
import { printed } from './units.ts';

export interface Named {
  /** From the target's legend. */
  readonly name: string;
  readonly series: Series;
}

export interface Window {
  /** Seconds since 1970. */
  readonly from: number;
  readonly to: number;
}

const columnWidth = 50;
const rowHeight = 32;
const gap = 8;
const colours = ['#3871dc', '#e0752d', '#37872d', '#c4162a', '#8f3bb8', '#0b8a8f', '#b8860b', '#6c757d', '#d44a8e', '#5a8f29'];
const ink = '#24292e';
const faint = '#6a737d';

interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export function drawRow(
  title: string,
  panels: readonly { readonly panel: Panel; readonly data: readonly Named[] }[],
  window: Window,
): string {
  const top = Math.min(...panels.map(({ panel }) => panel.gridPos.y));
  const bottom = Math.max(...panels.map(({ panel }) => panel.gridPos.y + panel.gridPos.h));
  const [width, height] = [24 * columnWidth, (bottom - top) * rowHeight + 36];
  const drawings = panels.map(({ panel, data }) => {
    const { x, y, w, h } = panel.gridPos;
    return drawPanel(panel, data, window, {
      x: x * columnWidth,
      y: (y - top) * rowHeight + 36,
      w: w * columnWidth - gap,
      h: h * rowHeight - gap,
    });
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="#f4f5f5"/>`,
    text(8, 23, title, { size: 16, weight: 'bold' }),
    ...drawings,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel(panel: Panel, data: readonly Named[], window: Window, box: Box): string {
  const unit = panel.fieldConfig?.defaults.unit ?? 'short';
  const inner = { x: box.x + 10, y: box.y + 26, w: box.w - 20, h: box.h - 32 };
  const draw = { stat: drawFigure, table: drawTable, heatmap: drawHeatmap, timeseries: drawLines }[panel.type];
  if (draw === undefined) throw new Error(`No way to draw a panel of type ${panel.type}.`);
  const body =
    data.length === 0
      ? text(inner.x + inner.w / 2, inner.y + inner.h / 2, 'No data', { anchor: 'middle', fill: faint, size: 13 })
      : draw(panel, data, window, inner, unit);
  return [
    `<rect x="${box.x}" y="${box.y}" width="${box.w}" height="${box.h}" rx="3" fill="#fff" stroke="#d8dbdd"/>`,
    text(box.x + 10, box.y + 18, cut(panel.title, box.w / 7), { weight: 'bold', size: 12 }),
    body,
  ].join('\n');
}

function drawFigure(panel: Panel, data: readonly Named[], window: Window, box: Box, unit: string): string {
  const { name, series } = data.at(-1)!;
  const value = panel.options?.textMode === 'name' ? name : printed(series.points.at(-1)![1], unit);
  const scale = scales(box, window, data, false);
  const spark =
    series.points.length > 1
      ? path(
          series.points.map(([time, each]) => [scale.x(time), scale.y(each)] as const),
          colours[0]!,
          1,
          0.4,
        )
      : '';
  return spark + text(box.x + box.w / 2, box.y + box.h / 2 + 8, value, { anchor: 'middle', size: 24, weight: 'bold', fill: '#1f60c4' });
}

function drawTable(panel: Panel, data: readonly Named[], _: Window, box: Box, unit: string): string {
  const organize = panel.transformations?.[0]?.options.excludeByName ?? {};
  const columns = [...new Set(data.flatMap(({ series }) => Object.keys(series.labels)))].filter((label) => organize[label] !== true);
  const rows = data.map(({ series }) => [
    ...columns.map((column) => series.labels[column] ?? ''),
    ...(organize['Value'] === true ? [] : [printed(series.points.at(-1)![1], unit)]),
  ]);
  const heads = organize['Value'] === true ? columns : [...columns, 'Value'];
  const widths = heads.map((head, index) => Math.max(head.length, ...rows.map((row) => row[index]!.length)) + 2);
  const all = widths.reduce((sum, width) => sum + width, 0);
  let at = box.x;
  const parts: string[] = [];
  for (const [index, head] of heads.entries()) {
    const width = (box.w * widths[index]!) / all;
    parts.push(text(at, box.y + 14, cut(head, width / 6), { fill: faint, weight: 'bold' }));
    rows.forEach((row, line) => parts.push(text(at, box.y + 34 + line * 18, cut(row[index]!, width / 6.2))));
    at += width;
  }
  return parts.join('\n');
}

function drawHeatmap(_: Panel, data: readonly Named[], window: Window, box: Box, unit: string): string {
  const bound = ({ series }: Named): number => Number(series.labels['le']!.replace('Inf', 'Infinity'));
  const sorted = data.toSorted((a, b) => bound(a) - bound(b));
  // Buckets are cumulative: what is in one is what it has more than the one below.
  const cells = sorted.map(({ series }, index) => {
    const below = new Map(sorted[index - 1]?.series.points ?? []);
    return series.points.map(([time, value]) => [time, Math.max(0, value - (below.get(time) ?? 0))] as const);
  });
  const used = cells
    .map((points, index) => ({ points, label: bound(sorted[index]!) }))
    .filter(({ points }) => points.some(([, value]) => value > 0));
  const most = Math.max(...used.flatMap(({ points }) => points.map(([, value]) => value)));
  const area = { x: box.x + 50, y: box.y, w: box.w - 50, h: box.h - 20 };
  const height = area.h / Math.max(1, used.length);
  const width = area.w / Math.max(1, window.to - window.from + 1);
  return [
    ...used.flatMap(({ points, label }, index) => {
      const y = area.y + area.h - (index + 1) * height;
      return [
        text(area.x - 4, y + height / 2 + 4, `≤ ${printed(label, unit)}`, { anchor: 'end', fill: faint }),
        ...points
          .filter(([, value]) => value > 0)
          .map(
            ([time, value]) =>
              `<rect x="${fixed(area.x + (time - window.from) * width)}" y="${fixed(y)}" width="${fixed(width + 0.3)}" height="${fixed(height - 1)}" fill="#c4162a" fill-opacity="${fixed(0.1 + (0.9 * value) / most)}"/>`,
          ),
      ];
    }),
    timeAxis(area, window),
  ].join('\n');
}

function drawLines(panel: Panel, data: readonly Named[], window: Window, box: Box, unit: string): string {
  const stacked = panel.fieldConfig?.defaults.custom?.stacking?.mode === 'normal';
  const legendLines = Math.min(data.length, 4);
  const area = { x: box.x + 52, y: box.y + 2, w: box.w - 56, h: box.h - 22 - legendLines * 15 };
  const drawn = stacked ? stack(data) : data;
  const scale = scales(area, window, drawn, true, panel.fieldConfig?.defaults.min);
  const parts = ticks(scale.low, scale.high, unit === 'bytes' ? 2 : 10).map(
    (value) =>
      `<line x1="${area.x}" x2="${area.x + area.w}" y1="${fixed(scale.y(value))}" y2="${fixed(scale.y(value))}" stroke="#e8eaed"/>` +
      text(area.x - 5, scale.y(value) + 4, printed(value, unit), { anchor: 'end', fill: faint }),
  );
  // The sum of all is behind, so that each area in front leaves its own share to be seen.
  for (const [index, { series }] of [...drawn.entries()].toReversed()) {
    const colour = colours[index % colours.length]!;
    const points = series.points
      .filter(([, value]) => Number.isFinite(value))
      .map(([time, value]) => [scale.x(time), scale.y(value)] as const);
    if (stacked && points.length > 1) {
      const floor = fixed(scale.y(Math.max(0, scale.low)));
      parts.push(
        `<path d="M${fixed(points[0]![0])},${floor}${points.map(([x, y]) => `L${fixed(x)},${fixed(y)}`).join('')}L${fixed(points.at(-1)![0])},${floor}Z" fill="#fff"/>`,
      );
      parts.push(
        `<path d="M${fixed(points[0]![0])},${floor}${points.map(([x, y]) => `L${fixed(x)},${fixed(y)}`).join('')}L${fixed(points.at(-1)![0])},${floor}Z" fill="${colour}" fill-opacity="0.45"/>`,
      );
    }
    parts.push(path(points, colour, 1.4));
  }
  const columns = Math.ceil(data.length / legendLines);
  data.forEach(({ name, series }, index) => {
    const x = box.x + (index % columns) * (box.w / columns);
    const y = box.y + box.h - (legendLines - 1 - Math.floor(index / columns)) * 15;
    const last = printed(series.points.at(-1)![1], unit);
    parts.push(`<rect x="${fixed(x)}" y="${fixed(y - 8)}" width="12" height="4" fill="${colours[index % colours.length]}"/>`);
    parts.push(text(x + 17, y - 2, `${cut(name, box.w / columns / 6.4 - last.length - 5)}  ${last}`));
  });
  return [...parts, timeAxis(area, window)].join('\n');
}

/** Each series on top of the one before. */
function stack(data: readonly Named[]): Named[] {
  const sums = new Map<number, number>();
  return data.map(({ name, series }) => ({
    name,
    series: {
      labels: series.labels,
      points: series.points.map(([time, value]) => {
        const sum = (sums.get(time) ?? 0) + (Number.isFinite(value) ? value : 0);
        sums.set(time, sum);
        return [time, sum] as const;
      }),
    },
  }));
}

function scales(box: Box, { from, to }: Window, data: readonly Named[], room: boolean, min?: number) {
  const values = data.flatMap(({ series }) => series.points.map(([, value]) => value)).filter(Number.isFinite);
  let low = min ?? Math.min(...values);
  let high = Math.max(...values, low);
  if (high === low) [low, high] = [min ?? low - 1, high + 1];
  if (room) high += (high - low) * 0.05;
  return {
    low,
    high,
    x: (time: number) => box.x + ((time - from) / (to - from)) * box.w,
    y: (value: number) => box.y + box.h - ((value - low) / (high - low)) * box.h,
  };
}

/** Some values between two that are round in the base that their unit is printed in. */
function ticks(low: number, high: number, base: 2 | 10): number[] {
  const rough = (high - low) / 4;
  const power = base ** Math.floor(Math.log(rough) / Math.log(base));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

/** What '1.5 min' takes, with room around it. */
const labelWidth = 48;

function timeAxis(area: Box, { from, to }: Window): string {
  const most = Math.min(6, area.w / labelWidth);
  const step = [15, 30, 60, 120, 300].find((seconds) => (to - from) / seconds <= most) ?? 600;
  const times = Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => index * step);
  return times
    .map((time) =>
      text(area.x + (time / (to - from)) * area.w, area.y + area.h + 14, printed(time, 's'), { anchor: 'middle', fill: faint, size: 10 }),
    )
    .join('\n');
}

function path(points: readonly (readonly [number, number])[], colour: string, width: number, opacity = 1): string {
  if (points.length === 0) return '';
  const steps = points.map(([x, y]) => `${fixed(x)},${fixed(y)}`).join('L');
  return `<path d="M${steps}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-opacity="${opacity}" stroke-linejoin="round"/>`;
}

interface Style {
  readonly size?: number;
  readonly weight?: string;
  readonly fill?: string;
  readonly anchor?: string;
}

function text(x: number, y: number, content: string, { size = 11, weight = 'normal', fill = ink, anchor = 'start' }: Style = {}): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${fixed(x)}" y="${fixed(y)}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}">${escaped}</text>`;
}

function cut(content: string, most: number): string {
  return content.length <= most ? content : `${content.slice(0, Math.max(1, Math.floor(most) - 1))}…`;
}

function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}
