/**
 * What a benchmark hands back, and how it is shown: a table for a terminal and for Markdown.
 *
 * Not responsible for: files (`document.ts`), or what the figures mean (docs/performance.md).
 */

export interface Table {
  readonly caption: string;
  readonly columns: readonly string[];
  /** The first cell of a row names it. */
  readonly rows: readonly (readonly string[])[];
}

export interface Report {
  readonly name: string;
  /** One sentence: what was measured, on what work. */
  readonly title: string;
  readonly tables: readonly Table[];
  /** What was skipped and why, and what else a reader of the table must know. */
  readonly notes: readonly string[];
  /** For JSON: every sample. */
  readonly results: readonly object[];
}

export function textOf({ title, tables, notes }: Report): string {
  const blocks = tables.map(({ caption, columns, rows }) => `${caption}\n${aligned([columns, ...rows])}`);
  return [title, ...blocks, ...notes].join('\n\n');
}

export function markdownOf({ title, tables, notes }: Report): string {
  const blocks = tables.map(({ caption, columns, rows }) => {
    const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
    const rule = columns.map((_, index) => (index === 0 ? '---' : '---:'));
    return `**${caption}**\n\n${[columns, rule, ...rows].map(line).join('\n')}`;
  });
  return [title, ...blocks, ...notes.map((note) => `- ${note}`)].join('\n\n');
}

/** First column to the left, the others to the right. */
function aligned(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) => line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]! + 3))).join(''))
    .join('\n');
}
