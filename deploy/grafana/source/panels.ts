/** The kinds of panels that the dashboards are made of. Each takes what Grafana's dashboard linter asks for: title, description, unit. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueTextMode,
  LegendDisplayMode,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** Whatever Prometheus the reader chose at the top of the dashboard. */
export const datasource = { type: 'prometheus', uid: '${datasource}' };

export interface PanelText {
  readonly title: string;
  /** What it shows, and what to make of it. */
  readonly description: string;
  /** As Grafana names units: `s`, `bytes`, `short`. */
  readonly unit: string;
  /** In columns of 24. */
  readonly width: number;
}

/** PromQL, and how to name each series that it returns, such as `{{worker}}`. */
export type Queries = Readonly<Record<string, string>>;

const refIds = 'ABCDEFGH';

function targets(queries: Queries, adapt: (query: DataqueryBuilder) => DataqueryBuilder): DataqueryBuilder[] {
  return Object.entries(queries).map(([legend, expr], index) =>
    adapt(new DataqueryBuilder().refId(refIds[index]!).datasource(datasource).expr(expr).legendFormat(legend)),
  );
}

/** Lines over time. `stacked`: their sum means something. */
export function lines(
  text: PanelText,
  queries: Queries,
  { stacked = false, from }: { stacked?: boolean; from?: number } = {},
): Builder<Panel> {
  const panel = new TimeseriesBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .span(text.width)
    .height(8)
    .datasource(datasource)
    .targets(targets(queries, (query) => query.range()))
    .lineWidth(1)
    .fillOpacity(stacked ? 40 : 0)
    .showPoints(VisibilityMode.Never)
    .stacking(new StackingConfigBuilder().mode(stacked ? StackingMode.Normal : StackingMode.None))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .legend(new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.Table).showLegend(true).calcs(['mean', 'lastNotNull', 'max']));
  return from === undefined ? panel : panel.min(from);
}

/** The newest value in large type, with its course behind it. */
export function figure(text: PanelText, queries: Queries): Builder<Panel> {
  return new StatBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .span(text.width)
    .height(4)
    .datasource(datasource)
    .targets(targets(queries, (query) => query.range()))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
}

/** The name of what holds now, in large type: the series is always 1, and its legend is the name. */
export function name(text: PanelText, queries: Queries): Builder<Panel> {
  return new StatBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .span(text.width)
    .height(4)
    .datasource(datasource)
    .targets(targets(queries, (query) => query.instant()))
    .textMode(BigValueTextMode.Name)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
}

/** A histogram over time: the expression yields a rate for each `le`. */
export function heatmap(text: PanelText, expr: string): Builder<Panel> {
  return new HeatmapBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .span(text.width)
    .height(8)
    .datasource(datasource)
    .targets(targets({ '{{le}}': expr }, (query) => query.range().format(PromQueryFormat.Heatmap)))
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Spectral').steps(64))
    .yAxis(new YAxisConfigBuilder().unit(text.unit));
}

/** One row for each series of now; a column for each of its labels, and `Value` in the panel's unit. `hidden`: labels without interest. */
export function table(text: PanelText, expr: string, hidden: readonly string[]): Builder<Panel> {
  return new TableBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .span(text.width)
    .height(8)
    .datasource(datasource)
    .targets(targets({ '': expr }, (query) => query.instant().format(PromQueryFormat.Table)))
    .withTransformation({
      id: 'organize',
      options: { excludeByName: Object.fromEntries(['Time', ...hidden].map((name) => [name, true])) },
    });
}
