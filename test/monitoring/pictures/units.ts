/** Values as Grafana would print them, near enough. */

const scaled = (value: number, base: number, names: readonly string[]): string => {
  let index = 0;
  let rest = value;
  while (Math.abs(rest) >= base && index < names.length - 1) {
    rest /= base;
    index++;
  }
  return `${digits(rest)}${names[index]}`;
};

/** Three significant digits, no trailing zeros. */
function digits(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function seconds(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0 s';
  if (size < 1e-3) return `${digits(value * 1e6)} µs`;
  if (size < 1) return `${digits(value * 1e3)} ms`;
  if (size < 60) return `${digits(value)} s`;
  if (size < 3600) return `${digits(value / 60)} min`;
  return `${digits(value / 3600)} h`;
}

export function printed(value: number, unit: string): string {
  if (!Number.isFinite(value)) return String(value);
  if (unit === 's') return seconds(value);
  if (unit === 'percentunit') return `${digits(value * 100)} %`;
  if (unit === 'bytes') return scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']);
  if (unit === 'Bps') return scaled(value, 1000, [' B/s', ' kB/s', ' MB/s', ' GB/s']);
  if (unit === 'celsius') return `${digits(value)} °C`;
  return scaled(value, 1000, ['', ' K', ' Mil', ' Bil']);
}
