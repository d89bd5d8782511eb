/** Small help with the document. What a cell or line shows already is left alone, so that selections and screen readers are not disturbed. */

export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  { className = '', text = '' }: { readonly className?: string; readonly text?: string } = {},
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}

export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes `parent` have `count` children, made by `make` where they are missing. */
export function keepChildren(parent: HTMLElement, count: number, make: (index: number) => HTMLElement): HTMLElement[] {
  while (parent.children.length > count) parent.lastElementChild!.remove();
  while (parent.children.length < count) parent.append(make(parent.children.length));
  return [...parent.children] as HTMLElement[];
}

/** Numbers stand on the right; prose may take several lines. */
export interface Cell {
  readonly text: string;
  readonly kind?: 'number' | 'prose';
}

export function fillTable(body: HTMLElement, rows: readonly (readonly Cell[])[]): HTMLElement[] {
  const lines = keepChildren(body, rows.length, () => element('tr'));
  rows.forEach((cells, row) => {
    const kept = keepChildren(lines[row]!, cells.length, () => element('td'));
    cells.forEach(({ text, kind = '' }, column) => {
      kept[column]!.className = kind;
      setText(kept[column]!, text);
    });
  });
  return lines;
}
