/** A real Prometheus with the configuration of deploy/, only faster: started on a free port, asked over its HTTP API, gone after the test. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { eventually, launch, temporaryDirectory } from '../e2e/harness.ts';
import { deploy, readYaml } from './sources.ts';

const isThere = spawnSync('prometheus', ['--version']).error === undefined;
/** `prometheus` comes with `promtool`, so one variable demands both. */
export const skipWithoutPrometheus =
  isThere || process.env['LOCKSTEP_REQUIRE_PROMTOOL'] === '1' ? false : 'prometheus is not on PATH (Debian: prometheus)';

/** One series of an answer. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970, and the value. */
  readonly points: readonly (readonly [number, number])[];
}

export interface Prometheus {
  /** The answer's `data`; throws what Prometheus has to say against the question. */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
  /** The last `seconds`, a point each second; or now alone. */
  range(expr: string, seconds: number): Promise<Series[]>;
  instant(expr: string): Promise<Series[]>;
}

interface Config {
  readonly global: object;
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly { readonly http_sd_configs: readonly object[] }[];
}

export async function startPrometheus(t: TestContext, serviceDiscovery: string): Promise<Prometheus> {
  const directory = await temporaryDirectory(t);
  const committed = readYaml(join(deploy, 'prometheus/prometheus.yaml')) as Config;
  const config: Config = {
    global: { ...committed.global, scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: committed.rule_files.map((file) => join(deploy, 'prometheus', file)),
    scrape_configs: committed.scrape_configs.map((each) => ({
      ...each,
      http_sd_configs: each.http_sd_configs.map((one) => ({ ...one, url: serviceDiscovery, refresh_interval: '1s' })),
    })),
  };
  await writeFile(join(directory, 'prometheus.yaml'), stringify(config));
  const program = launch(t, [
    'prometheus',
    `--config.file=${directory}/prometheus.yaml`,
    `--storage.tsdb.path=${directory}/data`,
    '--web.listen-address=127.0.0.1:0',
  ]);
  const address = await eventually(program, 'address', () => /msg="Listening on" address=(\S+)/.exec(program.output())?.[1]);
  return client(`http://${address}/api/v1`);
}

function client(api: string): Prometheus {
  const ask: Prometheus['ask'] = async (path, parameters = {}) => {
    const response = await fetch(`${api}/${path}?${new URLSearchParams(parameters).toString()}`);
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: unknown };
    if (status !== 'success') throw new Error(`Prometheus on ${path} ${JSON.stringify(parameters)}: ${error}`);
    return data;
  };
  return {
    ask,
    async range(expr, seconds) {
      const end = Date.now() / 1000;
      return series(await ask('query_range', { query: expr, start: String(end - seconds), end: String(end), step: '1' }));
    },
    instant: async (expr) => series(await ask('query', { query: expr })),
  };
}

function series(data: unknown): Series[] {
  type Point = [number, string];
  const { result } = data as { result: { metric: Record<string, string>; values?: Point[]; value?: Point }[] };
  return result.map(({ metric, values, value }) => ({
    labels: metric,
    points: (values ?? [value!]).map(([time, text]) => [time, Number(text.replace('Inf', 'Infinity'))] as const),
  }));
}
