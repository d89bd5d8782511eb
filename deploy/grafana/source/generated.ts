/** The files of deploy/grafana/dashboards, as they should be. The runbook is a dashboard too, so that links to it work wherever Grafana runs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { fleet } from './fleet.ts';
import { dashboard, uids } from './frame.ts';
import { training } from './training.ts';

export function generated(): { readonly path: string; readonly text: string }[] {
  const dashboards = { training, fleet, runbook: runbook(readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8')) };
  return Object.entries(dashboards).map(([name, dashboard]) => ({
    path: fileURLToPath(new URL(`../dashboards/${name}.json`, import.meta.url)),
    text: `${JSON.stringify(dashboard, null, 2)}\n`,
  }));
}

/** Links to other documents lead nowhere in Grafana, so only their words stay. */
function runbook(markdown: string): Dashboard {
  const content = markdown.replace(/\[([^\]]+)\]\((?!https?:)[^)]+\)/g, '$1');
  const text = new PanelBuilder()
    .title('Runbook')
    .description('docs/runbook.md: what each alert means and what to do.')
    .mode(TextMode.Markdown)
    .content(content)
    .transparent(true)
    .span(24)
    .height(40);
  return dashboard({ uid: uids.runbook, title: 'Lockstep: runbook', description: 'What each alert means and what to do.' }, [], (builder) =>
    builder.withPanel(text),
  );
}
