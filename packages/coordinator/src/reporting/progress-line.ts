/**
 * The words of progress: one line that fits a width, and when a log line is due where no line can be redrawn.
 *
 * Responsible for: text and timing as pure functions of what is passed in. Not responsible for: streams (`progress.ts`), rates (`throughput.ts`).
 */

export interface ProgressView {
  /** Steps committed, and steps at which the run is complete. */
  readonly step: number;
  readonly steps: number;
  /** Epochs begun and passed, as a fraction, and planned. */
  readonly epoch: number;
  readonly epochs: number;
  /** `undefined` while unknown. */
  readonly imagesPerSecond: number | undefined;
  readonly remainingSeconds: number | undefined;
  /** Latest, by phase. */
  readonly losses: Readonly<Record<string, number>>;
  readonly workersLive: number;
  readonly workersWanted: number;
  /** Why the run stands still, if it does: stands before the rest. */
  readonly waiting?: string;
}

interface Style {
  readonly gap: string;
  readonly step: string;
  readonly rate: string;
  readonly workers: string;
  readonly epoch: 'of-all' | 'alone' | 'none';
  readonly losses: 'named' | 'initials' | 'none';
  readonly duration: (seconds: number) => string;
}

/** Widest first. The third shows everything within 80 columns. */
const styles: readonly Style[] = [
  { gap: '  ', step: 'step ', rate: 'images/s', workers: 'workers ', epoch: 'of-all', losses: 'named', duration: formatDuration },
  { gap: '  ', step: 'step ', rate: 'img/s', workers: 'workers ', epoch: 'of-all', losses: 'initials', duration: compactDuration },
  { gap: ' ', step: 'step ', rate: 'img/s', workers: 'w ', epoch: 'alone', losses: 'initials', duration: compactDuration },
  { gap: ' ', step: '', rate: 'img/s', workers: 'w ', epoch: 'none', losses: 'none', duration: compactDuration },
];

/** The line in the fullest style that fits `width` columns, cut where even the least does not. Printable ASCII only, so one character is one column. */
export function formatProgress(view: ProgressView, width = Infinity): string {
  const lines = styles.map((style) => parts(view, style).join(style.gap));
  const line = lines.find(({ length }) => length <= width) ?? lines.at(-1) ?? '';
  return line.slice(0, Math.max(0, width));
}

/** 'about 12 min 30 s for 4,680 steps at 3,412 images/s with 4 workers'; what a log says once, early. `undefined` while unknown. */
export function formatEstimate(view: ProgressView): string | undefined {
  const { remainingSeconds, imagesPerSecond, step, steps, workersLive } = view;
  if (remainingSeconds === undefined || imagesPerSecond === undefined) return undefined;
  const left = steps - step;
  const amount = `${grouped(left)} more ${left === 1 ? 'step' : 'steps'}`;
  const by = `${workersLive} ${workersLive === 1 ? 'worker' : 'workers'}`;
  return `about ${formatDuration(remainingSeconds)} for ${amount} at ${formatRate(imagesPerSecond)} with ${by}`;
}

/** '42 s', '12 min 30 s', '3 h 05 min', '2 d 03 h'. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** The same for narrow places: '12m30s', '3h05m'. */
function compactDuration(seconds: number): string {
  return formatDuration(seconds).replaceAll(' ', '').replace('min', 'm');
}

/** When the last log line was written, and where the run was. */
export interface LoggedAt {
  readonly step: number;
  readonly nowMs: number;
}

/** Steps after which the speed says something. */
const firstLogAfterSteps = 5;
const leastQuietMs = 10_000;
const mostQuietMs = 60_000;
const quietFraction = 0.05;

/**
 * Whether a log line is due: the first after a few steps (with the estimate), then not before ten seconds *and* a twentieth of the run have
 * passed, but at least every minute.
 */
export function isLogDue(last: LoggedAt | undefined, start: LoggedAt, view: ProgressView, nowMs: number): boolean {
  if (last === undefined) return view.step - start.step >= firstLogAfterSteps || nowMs - start.nowMs >= mostQuietMs;
  const quietMs = nowMs - last.nowMs;
  return quietMs >= mostQuietMs || (quietMs >= leastQuietMs && view.step - last.step >= view.steps * quietFraction);
}

function parts(view: ProgressView, style: Style): string[] {
  const { step, steps, epoch, epochs, imagesPerSecond, remainingSeconds, workersLive, workersWanted } = view;
  const shown: string[] = [];
  if (view.waiting !== undefined) shown.push(printable(view.waiting));
  shown.push(`${style.step}${step}/${steps}`);
  if (style.epoch !== 'none') shown.push(`epoch ${epoch.toFixed(1)}${style.epoch === 'of-all' ? `/${formatEpochs(epochs)}` : ''}`);
  shown.push(`${percent(step, steps)}%`);
  if (imagesPerSecond !== undefined) shown.push(formatRate(imagesPerSecond, style.rate));
  const losses = style.losses === 'none' ? '' : formatLosses(view.losses, style.losses);
  if (losses !== '') shown.push(losses);
  shown.push(`${style.workers}${workersLive}/${workersWanted}`);
  if (remainingSeconds !== undefined && step < steps) shown.push(`ETA ${style.duration(remainingSeconds)}`);
  return shown;
}

/** Rounded down: 100 % means done. */
function percent(step: number, steps: number): number {
  return steps > 0 ? Math.floor((100 * step) / steps) : 100;
}

function formatLosses(losses: Readonly<Record<string, number>>, style: 'named' | 'initials'): string {
  const names = Object.keys(losses);
  const shown = style === 'named' ? names : shortestPrefixes(names);
  const values = names.map((name, index) => `${printable(shown[index] ?? name)} ${formatLoss(losses[name] ?? NaN)}`);
  return style === 'named' && values.length > 0 ? `loss ${values.join(', ')}` : values.join(' ');
}

/** As few letters of each name as tell it from the others. */
function shortestPrefixes(names: readonly string[]): string[] {
  return names.map((name) => {
    const others = names.filter((other) => other !== name);
    let length = 1;
    while (length < name.length && others.some((other) => other.startsWith(name.slice(0, length)))) length += 1;
    return name.slice(0, length);
  });
}

function formatLoss(loss: number): string {
  if (!Number.isFinite(loss)) return String(loss);
  const size = Math.abs(loss);
  return size !== 0 && (size < 0.001 || size >= 10_000) ? loss.toExponential(2) : loss.toFixed(3);
}

function formatRate(perSecond: number, unit = 'images/s'): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : grouped(Math.round(perSecond))} ${unit}`;
}

function formatEpochs(epochs: number): string {
  return Number.isInteger(epochs) ? String(epochs) : epochs.toFixed(1);
}

/** 1234567 as '1,234,567', in every locale. */
function grouped(whole: number): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ',');
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
