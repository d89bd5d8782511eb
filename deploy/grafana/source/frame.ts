/** What every dashboard has around its panels: variables, annotations, links to the others. Panels and their ids are numbered here. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { datasource } from './panels.ts';

export const uids = { training: 'lockstep-training', fleet: 'lockstep-fleet', runbook: 'lockstep-runbook' } as const;

export interface Row {
  readonly title: string;
  readonly panels: readonly Builder<Panel>[];
}

export interface DashboardText {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
}

/** A dashboard of rows. It is not editable: its source is here. */
export function dashboard(text: DashboardText, rows: readonly Row[], adapt: (builder: DashboardBuilder) => DashboardBuilder): Dashboard {
  const builder = new DashboardBuilder(text.title)
    .id(null)
    .uid(text.uid)
    .description(text.description)
    .tags(['lockstep'])
    .readonly()
    .timezone('browser')
    .time({ from: 'now-30m', to: 'now' })
    .refresh('10s')
    .tooltip(DashboardCursorSync.Crosshair)
    .links(linksFrom(text.uid));
  for (const { title, panels } of rows) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const built = adapt(builder).build();
  built.panels?.forEach((panel, index) => (panel.id = index + 1));
  return built;
}

function linksFrom(uid: string): Builder<NonNullable<Dashboard['links']>[number]>[] {
  const titles = { [uids.training]: 'Training', [uids.fleet]: 'Fleet', [uids.runbook]: 'Runbook' };
  return Object.entries(titles)
    .filter(([other]) => other !== uid)
    .map(([other, title]) =>
      new DashboardLinkBuilder(title).type(DashboardLinkType.Link).icon('dashboard').url(`/d/${other}`).keepTime(true).includeVars(true),
    );
}

export function datasourceVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus');
}

/** The values of a label. `all`: several can be chosen, and all are at first. */
export function labelVariable(name: string, label: string, query: string, all: boolean): QueryVariableBuilder {
  const variable = new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query({ query, refId: `${name}-values` })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc)
    .multi(all)
    .includeAll(all);
  return all ? variable.allValue('.+').current({ text: 'All', value: '$__all' }) : variable;
}

/** A line across the panels wherever the expression has a value. `atValue`: the value is the time, in milliseconds since 1970. */
export function annotation(name: string, color: string, expr: string, title: string, atValue = false): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .enable(true)
    .datasource(datasource)
    .iconColor(color)
    .expr(expr)
    .step('15s')
    .titleFormat(title)
    .useValueForTime(atValue);
}
