/**
 * The dashboards are what their source says, keep the rules of Grafana's dashboard linter, and show every metric that there is.
 * That their queries have answers is tested on a real Prometheus, in `prometheus.test.ts`.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { metricTable as coordinatorTable } from '../../packages/coordinator/src/metrics/table.ts';
import { metricTable as workerTable } from '../../packages/worker/src/metrics/table.ts';
import { generated } from '../../deploy/grafana/source/generated.ts';
import * as units from '@grafana/grafana-foundation-sdk/units';
import { dashboards, drawn, rules, selectors, shown, syntaxErrors } from './sources.ts';

test('the committed dashboards are those of the source; if not: npm run dashboards', () => {
  assert.deepEqual(dashboards.map(({ file }) => file).toSorted(), ['fleet.json', 'runbook.json', 'training.json']);
  for (const { path, text } of generated()) assert.equal(readFileSync(path, 'utf8'), text, path);
});

describe("the rules of Grafana's dashboard linter", () => {
  test('dashboards have a stable uid, no id, cannot be edited, and lead to each other', () => {
    const uids = dashboards.map(({ uid }) => uid);
    assert.deepEqual(uids.toSorted(), ['lockstep-fleet', 'lockstep-runbook', 'lockstep-training']);
    for (const { id, uid, editable, links } of dashboards) {
      assert.deepEqual({ id, editable }, { id: null, editable: false });
      assert.deepEqual(
        links.map(({ url }) => url).toSorted(),
        uids
          .filter((other) => other !== uid)
          .map((other) => `/d/${other}`)
          .toSorted(),
      );
    }
  });

  test('the data source, the job and the run are variables', () => {
    for (const { file, templating } of dashboards.filter(({ uid }) => uid !== 'lockstep-runbook')) {
      const definitions = Object.fromEntries((templating.list ?? []).map(({ name, type, definition }) => [name, definition ?? type]));
      assert.equal(definitions['datasource'], 'datasource', file);
      assert.match(definitions['job']!, /^label_values\(.*, job\)$/, file);
      assert.match(definitions['run']!, /^label_values\(.*job=~"\$job".*, run_id\)$/, file);
    }
  });

  test('every panel has a title, a description and a unit, and asks the data source that was chosen', () => {
    const known = new Set(Object.values(units).map(String));
    assert.ok(drawn.length > 20);
    for (const { where, title, description = '', datasource, fieldConfig, targets = [] } of drawn) {
      assert.ok(title.length > 0 && description.length > 10, where);
      assert.ok(known.has(fieldConfig?.defaults.unit ?? ''), where);
      assert.ok(targets.length > 0, where);
      for (const each of [{ datasource }, ...targets]) assert.equal(each.datasource?.uid, '${datasource}', where);
    }
    for (const { annotations } of dashboards) {
      for (const { name, datasource } of annotations.list ?? []) assert.equal(datasource?.uid, '${datasource}', name);
    }
  });

  test('ids of panels are unique, and panels do not overlap', () => {
    for (const { file, panels } of dashboards) {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, file);
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
      );
      assert.equal(new Set(cells).size, cells.length, file);
    }
  });

  test('every expression is PromQL, and selects by job and run', () => {
    // Not by instance, which the linter asks for too: a run that is resumed is the same run, on another port perhaps.
    for (const { where, expr } of shown) {
      assert.deepEqual(syntaxErrors(expr), [], where);
      for (const { metric, matchers } of selectors(expr)) {
        assert.match(matchers, /job=~"\$job", run_id=~"\$run"/, `${where}: ${metric}`);
      }
    }
  });

  test('rates are taken over an interval that Grafana fits to the scrapes', () => {
    for (const { where, expr } of shown) {
      for (const [, interval] of expr.matchAll(/\[([^\]]*)\]/g)) assert.match(interval!, /^\$__(rate_interval|range)$/, where);
    }
  });

  test('what breaks these rules would be found', () => {
    assert.notDeepEqual(syntaxErrors('sum by (le (rate(x[$__rate_interval]))'), []);
    assert.deepEqual(selectors('rate(a_total{job=~"$job"}[$__rate_interval]) / on (run_id) group_left () b'), [
      { metric: 'a_total', matchers: '{job=~"$job"}' },
      { metric: 'b', matchers: '' },
    ]);
  });
});

describe('metrics', () => {
  /** Prometheus makes these itself; process metrics come from prom-client, under fixed names. */
  const foreign = /^(up|ALERTS|process_(cpu_seconds_total|resident_memory_bytes|start_time_seconds)|nodejs_eventloop_lag_p99_seconds)$/;
  const recorded = new Map(rules.flatMap(({ record, expr }) => (record === undefined ? [] : [[record, expr] as const])));
  const declared = new Map(
    [coordinatorTable, workerTable].flatMap((table) => Object.values(table).map(({ name, type }) => [name as string, type as string])),
  );

  /** The metric of the table behind a series, if there is one. */
  const declaredAs = (series: string): string | undefined => {
    if (declared.has(series)) return declared.get(series) === 'histogram' ? undefined : series;
    const base = series.replace(/_(bucket|sum|count)$/, '');
    return declared.get(base) === 'histogram' ? base : undefined;
  };
  /** Recorded series are followed to what they were made from. */
  const metricsIn = (expr: string): string[] =>
    selectors(expr).flatMap(({ metric }) => {
      const source = recorded.get(metric);
      return source === undefined ? [metric] : metricsIn(source);
    });

  test('every metric that a panel, an annotation or a rule reads exists', () => {
    for (const { where, expr } of [...shown, ...rules.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr }))]) {
      for (const metric of metricsIn(expr)) assert.ok(declaredAs(metric) !== undefined || foreign.test(metric), `${where}: ${metric}`);
    }
  });

  test('every metric is on a panel', () => {
    const onPanels = new Set(drawn.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr).map(declaredAs))));
    assert.deepEqual(
      [...declared.keys()].filter((name) => !onPanels.has(name)),
      [],
    );
  });
});
