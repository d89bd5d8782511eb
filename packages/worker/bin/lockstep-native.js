#!/usr/bin/env node
// npm links only files that exist at install time, so this one is committed; the check of a build needs what is compiled into dist/.
import { existsSync } from 'node:fs';

const compiled = new URL('../dist/main.js', import.meta.url);
const builder = new URL('../../../scripts/build.mjs', import.meta.url);
if (!existsSync(compiled) && existsSync(builder)) await import(builder.href); // a fresh checkout: build once
await import('../native/main.mjs');
