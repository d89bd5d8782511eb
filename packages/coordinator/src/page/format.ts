/** Numbers and times for people. */

export function formatCount(value: number | undefined): string {
  return value === undefined ? '' : Math.round(value).toLocaleString('en');
}

export function formatFigure(value: number | null | undefined): string {
  if (value === null || value === undefined) return '';
  const size = Math.abs(value);
  if (size >= 1000) return formatCount(value);
  return size >= 0.001 || size === 0 ? value.toFixed(size >= 100 ? 0 : 3) : value.toExponential(1);
}

export function formatMilliseconds(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  const milliseconds = seconds * 1000;
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 1)} ms`;
}

export function formatDuration(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** With the date, unless that is today's. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? time.toLocaleTimeString('en-GB') : time.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}
