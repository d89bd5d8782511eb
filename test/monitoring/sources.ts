/** What deploy/ holds, read for the tests of it: dashboards with their queries, rules, and the metrics that an expression reads. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { root } from '../e2e/harness.ts';

export const deploy = join(root, 'deploy');

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid?: string };
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly min?: number;
      readonly custom?: { readonly stacking?: { readonly mode: string } };
    };
  };
  readonly transformations?: readonly { readonly options: { readonly excludeByName?: Readonly<Record<string, boolean>> } }[];
  readonly targets?: readonly Target[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly options?: { readonly textMode?: string };
}

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly datasource?: { readonly uid?: string };
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

export interface Annotation {
  readonly name: string;
  readonly expr: string;
  readonly datasource?: { readonly uid?: string };
}

export interface Dashboard {
  readonly file: string;
  readonly id: number | null;
  readonly uid: string;
  readonly title: string;
  readonly editable: boolean;
  readonly panels: readonly Panel[];
  readonly links: readonly { readonly url: string }[];
  readonly templating: { readonly list?: readonly Variable[] };
  readonly annotations: { readonly list?: readonly Annotation[] };
}

export const dashboards: readonly Dashboard[] = readdirSync(join(deploy, 'grafana/dashboards')).map((file) => ({
  file,
  ...(JSON.parse(readFileSync(join(deploy, 'grafana/dashboards', file), 'utf8')) as Omit<Dashboard, 'file'>),
}));

/** Panels that ask Prometheus. */
export const drawn = dashboards.flatMap(({ file, panels }) =>
  panels.filter(({ type }) => type !== 'row' && type !== 'text').map((panel) => ({ ...panel, where: `${file}: ${panel.title}` })),
);

/** Every expression that is shown, with its place. */
export const shown = [
  ...drawn.flatMap(({ where, targets = [] }) => targets.map(({ expr }) => ({ where, expr }))),
  ...dashboards.flatMap(({ file, annotations }) => (annotations.list ?? []).map(({ name, expr }) => ({ where: `${file}: ${name}`, expr }))),
];

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const rules: readonly Rule[] = ['recording.yaml', 'alerts.yaml'].flatMap((file) =>
  (readYaml(join(deploy, 'prometheus', file)) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules),
);

export function readYaml(path: string): unknown {
  return parse(readFileSync(path, 'utf8')) as unknown;
}

/** As Grafana does it before it asks. */
export function substituted(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replace(/\$\{?(\w+)\}?/g, (variable, name: string) => values[name] ?? variable);
}

const anyInterval = { __rate_interval: '1m', __interval: '1m', __range: '1h' };

/** Places in an expression where PromQL does not go on. */
export function syntaxErrors(expr: string): string[] {
  const text = substituted(expr, anyInterval);
  const errors: string[] = [];
  parser.parse(text).iterate({ enter: ({ type, from }) => void (type.isError && errors.push(text.slice(from))) });
  return errors;
}

export interface Selector {
  readonly metric: string;
  readonly matchers: string;
}

/** What an expression selects, in the order it is written. */
export function selectors(expr: string): Selector[] {
  const text = substituted(expr, anyInterval);
  const found: Selector[] = [];
  parser.parse(text).iterate({
    enter: ({ name, node }) => {
      if (name !== 'VectorSelector') return;
      const [metric, matchers] = [node.getChild('Identifier'), node.getChild('LabelMatchers')].map((child) =>
        child === null ? '' : text.slice(child.from, child.to),
      );
      found.push({ metric: metric!, matchers: matchers! });
    },
  });
  return found;
}
