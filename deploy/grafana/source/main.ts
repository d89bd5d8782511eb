/** Writes the dashboards to deploy/grafana/dashboards: `npm run dashboards`. */
import { writeFile } from 'node:fs/promises';
import { generated } from './generated.ts';

for (const { path, text } of generated()) await writeFile(path, text);
